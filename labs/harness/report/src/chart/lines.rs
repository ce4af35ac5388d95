//! Lines over sizes that grow by tens: both scales are logarithmic.

use super::{Drawing, Drawn, FONT, svg};
use crate::figure::format_number;
use plotters::chart::ChartBuilder;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::element::{EmptyElement, Text};
use plotters::series::LineSeries;
use plotters::style::{Color, IntoFont, RGBColor, WHITE};
use std::ops::RangeInclusive;

/// Width and height in pixels.
const SIZE: (u32, u32) = (720, 360);

/// The names of the lines stand right of their last points.
const NAMES_WIDTH: u32 = 180;

/// Font sizes of the title, and of all other texts.
const TITLE: u32 = 18;
const TEXT: u32 = 16;

const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const COLOURS: [RGBColor; 3] =
    [RGBColor(0x17, 0x69, 0xaa), RGBColor(0xb5, 0x48, 0x1c), RGBColor(0x2e, 0x7d, 0x32)];

/// A line with its name; at most three can be distinguished.
#[derive(Clone, Debug)]
pub struct Line {
    /// The name beside its last point.
    pub name: &'static str,
    /// In the order of their first values.
    pub points: Vec<(f64, f64)>,
}

/// The plot as SVG, with a title above and the name of the axis below.
#[must_use]
pub fn lines(title: &str, across: &str, lines: &[Line]) -> String {
    svg(SIZE, |drawing| draw(drawing, title, across, lines))
}

fn draw(drawing: &Drawing<'_>, title: &str, across: &str, lines: &[Line]) -> Drawn {
    let points = || lines.iter().flat_map(|line| &line.points);
    let x = Decades::around(points().map(|point| point.0));
    let y = Decades::around(points().map(|point| point.1));
    drawing.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(drawing)
        .caption(title, (FONT, TITLE))
        .margin(8)
        .margin_right(NAMES_WIDTH)
        .x_label_area_size(50)
        .y_label_area_size(90)
        .build_cartesian_2d(
            x.range().log_scale().with_key_points(x.values()),
            y.range().log_scale().with_key_points(y.values()),
        )?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .label_style((FONT, TEXT))
        .x_desc(across)
        .x_label_formatter(&|value| format_number(*value))
        .y_label_formatter(&|value| format_number(*value))
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS) {
        let points: Vec<_> = line
            .points
            .iter()
            .map(|(across, up)| (x.within(*across), y.within(*up)))
            .collect();
        let last = points.last().copied();
        let drawn = LineSeries::new(points, colour.filled().stroke_width(2));
        chart.draw_series(drawn.point_size(3))?;
        chart.draw_series(last.map(|end| {
            EmptyElement::at(end)
                + Text::new(line.name, (10, -8), (FONT, TEXT).into_font())
        }))?;
    }
    Ok(())
}

/// The powers of ten around some values, at least two.
struct Decades(RangeInclusive<i32>);

impl Decades {
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let logs: Vec<f64> =
            values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !least.is_finite() {
            return Self(0..=1);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
        let (from, to) = (least.floor() as i32, greatest.ceil() as i32);
        Self(from..=to.max(from + 1))
    }

    fn values(&self) -> Vec<f64> {
        self.0.clone().map(|power| 10_f64.powi(power)).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        10_f64.powi(*self.0.start())..10_f64.powi(*self.0.end())
    }

    /// The value, or the nearest one within the decades: zero has no logarithm.
    fn within(&self, value: f64) -> f64 {
        value.clamp(self.range().start, self.range().end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_points_and_its_name() {
        let line = Line { name: "memory", points: vec![(1e3, 10.0), (1e6, 20.0)] };
        let svg = lines("bytes a session", "sessions", &[line]);
        assert_eq!(svg.matches("<circle").count(), 2);
        for text in ["bytes a session", "sessions", "memory", "1,000,000"] {
            assert!(svg.contains(&format!(">\n{text}\n<")), "{text}: {svg}");
        }
    }

    #[test]
    fn every_value_lies_within_its_decades() {
        let decades = Decades::around([5.0, 500.0].into_iter());
        assert_eq!(decades.values(), [1.0, 10.0, 100.0, 1_000.0]);
        assert!(decades.within(0.0) == 1.0 && decades.within(1e12) == 1_000.0);
        let nothing = Decades::around([].into_iter());
        assert_eq!(nothing.values(), [1.0, 10.0]);
    }
}
