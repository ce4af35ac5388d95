//! Plots as SVG, drawn by plotters: it has logarithmic axes and several charts in one drawing,
//! and without its bitmaps and fonts it consists of four small crates.

mod lines;

pub use lines::{Line, lines};

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};

/// The drawing, in pixels.
pub type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The result of a part of a drawing.
pub type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<std::io::Error>>;

/// The font of all texts: that of the page or of the viewer.
pub const FONT: &str = "sans-serif";

/// A drawing of this size, as text.
pub fn svg(size: (u32, u32), draw: impl FnOnce(&Drawing<'_>) -> Drawn) -> String {
    let mut text = String::new();
    let drawing = SVGBackend::with_string(&mut text, size).into_drawing_area();
    draw(&drawing)
        .and_then(|()| drawing.present())
        .expect("a drawing in memory has no write errors");
    drop(drawing);
    text
}
