//! SVG shapes as text.

/// An SVG drawing under construction.
#[derive(Debug, Default)]
pub struct Svg {
    shapes: String,
}

impl Svg {
    /// A line between two points.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        self.shapes += &format!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" \
             y2=\"{y2:.1}\"/>\n"
        );
    }

    /// A rectangle: its upper left corner, then width and height.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.shapes += &format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\"/>\n"
        );
    }

    /// A dot around a point.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        self.shapes += &format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>\n"
        );
    }

    /// A line through points; a single point is not drawn.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let steps = points.iter().enumerate().map(|(at, (x, y))| {
            let step = if at == 0 { 'M' } else { 'L' };
            format!("{step}{x:.1} {y:.1}")
        });
        let steps = steps.collect::<Vec<_>>().join(" ");
        self.shapes += &format!("<path class=\"{class}\" d=\"{steps}\"/>\n");
    }

    /// Text; the point is the left end of its baseline, unless the class changes the anchor.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let text = escaped(text);
        self.shapes +=
            &format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n");
    }

    /// The finished drawing, with a text description for screen readers.
    #[must_use]
    pub fn finish(self, (width, height): (f64, f64), description: &str) -> String {
        let (shapes, description) = (self.shapes, escaped(description));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{description}\">\n{shapes}</svg>\n"
        )
    }
}

/// Text with XML characters escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            other => safe.push(other),
        }
    }
    safe
}
