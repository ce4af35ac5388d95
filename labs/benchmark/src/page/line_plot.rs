//! Lines over sizes that grow by tens: both scales are logarithmic.

use comparison::figure::format_number;
use comparison::svg::Svg;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT_MARGIN: f64 = 90.0;
const RIGHT: f64 = 180.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 60.0;

/// The plot is shown as an image, which gets no style from its page.
const STYLE: &str = "<style>text{font:13px sans-serif;fill:#444}\
    .grid{stroke:#ddd}.one{stroke:#1769aa;fill:none;stroke-width:2}\
    .two{stroke:#b5481c;fill:none;stroke-width:2}\
    .three{stroke:#2e7d32;fill:none;stroke-width:2}\
    circle.one{fill:#1769aa}circle.two{fill:#b5481c}circle.three{fill:#2e7d32}\
    rect.ground{fill:#fff}</style>\n";

/// A line with its name; at most three can be distinguished.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// One scale: from power of ten to power of ten.
struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Self {
        let logs = values.filter(|value| *value > 0.0).map(f64::log10);
        let from = logs.clone().fold(f64::INFINITY, f64::min).floor();
        let to = logs.fold(f64::NEG_INFINITY, f64::max).ceil();
        let (from, to) = if from.is_finite() { (from, to) } else { (0.0, 1.0) };
        Self { from, to: to.max(from + 1.0), start, end }
    }

    fn at(&self, value: f64) -> f64 {
        let share = (value.max(1e-9).log10() - self.from) / (self.to - self.from);
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        let (mut power, to) = (self.from, self.to);
        std::iter::from_fn(move || {
            let now = (power <= to).then(|| 10_f64.powf(power));
            power += 1.0;
            now
        })
    }
}

/// The plot with its title.
pub(super) fn draw(title: &str, across: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let x = Scale::over(points().map(|point| point.0), LEFT_MARGIN, WIDTH - RIGHT);
    let y = Scale::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP);
    let mut svg = Svg::default();
    svg.rect("ground", (0.0, 0.0), (WIDTH, HEIGHT));
    for decade in x.decades() {
        svg.line("grid", (x.at(decade), TOP), (x.at(decade), HEIGHT - BOTTOM));
        svg.text(
            "scale",
            (x.at(decade) - 8.0, HEIGHT - BOTTOM + 18.0),
            &format_number(decade),
        );
    }
    for decade in y.decades() {
        svg.line("grid", (LEFT_MARGIN, y.at(decade)), (WIDTH - RIGHT, y.at(decade)));
        svg.text("scale", (8.0, y.at(decade) + 4.0), &format_number(decade));
    }
    svg.text("title", (LEFT_MARGIN, 18.0), title);
    svg.text("scale", (LEFT_MARGIN, HEIGHT - 14.0), across);
    for (line, class) in lines.iter().zip(["one", "two", "three"]) {
        let at: Vec<_> =
            line.points.iter().map(|(across, up)| (x.at(*across), y.at(*up))).collect();
        svg.path(class, &at);
        for point in &at {
            svg.dot(class, *point, 3.0);
        }
        if let Some((right, height)) = at.last() {
            svg.text("name", (right + 10.0, height + 4.0), line.name);
        }
    }
    svg.finish((WIDTH, HEIGHT), title).replacen(">\n", &format!(">\n{STYLE}"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_points_and_its_name() {
        let line = Line { name: "memory", points: vec![(1e3, 10.0), (1e6, 20.0)] };
        let svg = draw("bytes a session", "sessions", &[line]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">memory<") && svg.contains(">1,000,000<"));
    }

    #[test]
    fn more_is_higher_and_nothing_leaves_the_picture() {
        let scale = Scale::over([5.0, 500.0].into_iter(), HEIGHT - BOTTOM, TOP);
        assert!(scale.at(500.0) < scale.at(5.0));
        assert!(scale.at(0.0) <= HEIGHT - BOTTOM && scale.at(1e12) >= TOP);
        let nothing = Scale::over([].into_iter(), 0.0, 1.0);
        assert!(nothing.at(3.0).is_finite());
    }
}
