//! One drawing for each scenario: the designs below each other on one time axis, with the
//! fault as a line through all of them.

use crate::report::Report;
use crate::scenario::Scenario;
use crate::timeline::{TICK_MS, Tick, Timeline};
use maud::{Markup, PreEscaped, html};
use plotters::chart::ChartBuilder;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordi64;
use plotters::element::{Circle, DashedPathElement, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, RGBColor, ShapeStyle, TRANSPARENT, TextStyle};
use report::chart::{Drawing, Drawn, FONT, svg};

const WIDTH: i32 = 1_200;

/// Margins: design names and the latency scale on the left, none on the right.
const LEFT_MARGIN: i32 = 130;
const RIGHT_MARGIN: i32 = 40;

/// Margins: the name of the fault above the first design, seconds and legend below the last.
const TOP_MARGIN: i32 = 34;
const BOTTOM_MARGIN: i32 = 64;

/// Heights within a strip: latencies, errors, and the gap to the next strip.
const LATENCY_HEIGHT: i32 = 84;
const ERRORS_HEIGHT: i32 = 30;
const STRIP_GAP: i32 = 26;

/// The latency scale, in milliseconds: four decades.
const LATENCY_SCALE_MS: std::ops::Range<f64> = 1.0..10_000.0;

/// Longest gap without answers that a line bridges, in milliseconds.
const MAX_JOINED_GAP_MS: i64 = 3 * TICK_MS;

const INK: RGBColor = RGBColor(0x1b, 0x22, 0x30);
const SOFT: RGBColor = RGBColor(0x5b, 0x65, 0x75);
const RULE: RGBColor = RGBColor(0xd5, 0xda, 0xe2);
const STRIP: RGBColor = RGBColor(0xf4, 0xf6, 0xf9);
const LATENCY: RGBColor = RGBColor(0x1f, 0x5f, 0xbf);
const SLOWEST: RGBAColor = RGBAColor(0x1f, 0x5f, 0xbf, 0.45);
const LOST: RGBColor = RGBColor(0xd9, 0x73, 0x0d);
const FAILED: RGBColor = RGBColor(0xb3, 0x12, 0x3f);
const UNDER_WAY: RGBAColor = RGBAColor(0x78, 0x82, 0x96, 0.16);

/// The plot of a scenario, with its legend.
pub(super) fn figure(report: &Report, scenario: Scenario) -> Markup {
    let of = |one: &&Timeline| one.scenario == scenario;
    let timelines: Vec<_> = report.timelines.iter().filter(of).collect();
    let fault = (scenario != Scenario::SteadyLoad)
        .then(|| scenario.fault(&report.run_info.target));
    let height = bottom(timelines.len()) + BOTTOM_MARGIN;
    let size = (WIDTH.unsigned_abs(), height.unsigned_abs());
    let plot = svg(size, |drawing| draw(drawing, &timelines, fault.as_deref()));
    let description = format!(
        "{}: latency, lost logins and errors over time, one strip a design",
        scenario.title()
    );
    html! { figure role="img" aria-label=(description) { (PreEscaped(plot)) } }
}

fn draw(drawing: &Drawing<'_>, timelines: &[&Timeline], fault: Option<&str>) -> Drawn {
    let axis = Axis::over(timelines);
    for (number, timeline) in timelines.iter().enumerate() {
        draw_strip(drawing, top(number), &axis, timeline)?;
    }
    let bottom = bottom(timelines.len());
    for at_ms in axis.seconds() {
        let seconds = format!("{} s", at_ms / 1_000);
        let style = text(17, &SOFT).pos(Pos::new(HPos::Center, VPos::Top));
        drawing.draw(&Text::new(seconds, (axis.x(at_ms), bottom + 2), style))?;
    }
    if let Some(fault) = fault {
        let (x, from) = (axis.x(0), TOP_MARGIN - 10);
        let line = [(x, from), (x, bottom)];
        drawing.draw(&DashedPathElement::new(line, 6, 4, FAILED.stroke_width(2)))?;
        let name = Text::new(fault, (x + 6, from - 16), text(18, &FAILED));
        drawing.draw(&name)?;
    }
    draw_legend(drawing, bottom + 36)
}

/// The upper edge of a strip, counted from 0.
fn top(number: usize) -> i32 {
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    TOP_MARGIN + (LATENCY_HEIGHT + ERRORS_HEIGHT + STRIP_GAP) * number
}

/// The lower edge of so many strips.
fn bottom(strips: usize) -> i32 {
    top(strips) - STRIP_GAP / 2
}

fn text(size: i32, colour: &RGBColor) -> TextStyle<'_> {
    TextStyle::from((FONT, size)).color(colour)
}

/// The time axis, equal in all strips of a plot; and the highest bar.
struct Axis {
    from_ms: i64,
    to_ms: i64,
    max_errors: usize,
}

impl Axis {
    fn over(timelines: &[&Timeline]) -> Self {
        let ticks = || timelines.iter().flat_map(|timeline| &timeline.ticks);
        let from_ms = ticks().map(|tick| tick.at_ms).min().unwrap_or(0).min(0);
        let last = ticks().map(|tick| tick.at_ms).max().unwrap_or(0);
        let max_errors = ticks().map(|tick| tick.logins_lost + tick.failed).max();
        let max_errors = max_errors.unwrap_or(0).max(1);
        Self { from_ms, to_ms: (last + TICK_MS).max(1_000), max_errors }
    }

    /// In pixels of the drawing.
    fn x(&self, at_ms: i64) -> i32 {
        let pixels = (LEFT_MARGIN, WIDTH - RIGHT_MARGIN);
        RangedCoordi64::from(self.from_ms..self.to_ms).map(&at_ms, pixels)
    }

    /// The full seconds with a line and a number, in milliseconds.
    fn seconds(&self) -> Vec<i64> {
        let every = match (self.to_ms - self.from_ms) / 1_000 {
            0..12 => 1,
            12..30 => 2,
            _ => 5,
        };
        let seconds = self.from_ms.div_euclid(1_000)..=self.to_ms / 1_000;
        let shown = seconds.filter(|second| second % every == 0);
        shown.map(|second| second * 1_000).filter(|ms| *ms >= self.from_ms).collect()
    }
}

fn draw_strip(
    drawing: &Drawing<'_>,
    top: i32,
    axis: &Axis,
    timeline: &Timeline,
) -> Drawn {
    let name = timeline.design.as_str();
    drawing.draw(&Text::new(name, (0, top + 2), text(18, &INK)))?;
    let (left, width) = (LEFT_MARGIN, WIDTH - LEFT_MARGIN - RIGHT_MARGIN);
    let height = LATENCY_HEIGHT + ERRORS_HEIGHT;
    let strip = [(left, top), (left + width, top + height)];
    drawing.draw(&Rectangle::new(strip, STRIP.filled()))?;
    if let Some(done) = timeline.fault_duration_ms.filter(|done| *done > 0) {
        let end = axis.x(done.min(axis.to_ms));
        let under_way = [(axis.x(0), top), (end, top + height)];
        drawing.draw(&Rectangle::new(under_way, UNDER_WAY.filled()))?;
    }
    let part = |top, height| drawing.clone().shrink((0, top), (WIDTH, height));
    draw_latencies(&part(top, LATENCY_HEIGHT), axis, timeline)?;
    draw_errors(&part(top + LATENCY_HEIGHT, ERRORS_HEIGHT), axis, timeline)
}

fn draw_latencies(area: &Drawing<'_>, axis: &Axis, timeline: &Timeline) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_right(RIGHT_MARGIN)
        .y_label_area_size(LEFT_MARGIN)
        .build_cartesian_2d(
            (axis.from_ms..axis.to_ms).with_key_points(axis.seconds()),
            LATENCY_SCALE_MS.log_scale().with_key_points(vec![10.0, 100.0, 1_000.0]),
        )?;
    chart
        .configure_mesh()
        .axis_style(TRANSPARENT)
        .bold_line_style(RULE)
        .y_label_style(text(15, &SOFT))
        .y_label_formatter(&|ms| match *ms {
            ms if ms < 1_000.0 => format!("{ms} ms"),
            ms => format!("{} s", ms / 1_000.0),
        })
        .draw()?;
    let within = |ms: f64| ms.clamp(LATENCY_SCALE_MS.start, LATENCY_SCALE_MS.end);
    let at = |tick: &Tick, ms: f64| (tick.at_ms + TICK_MS / 2, within(ms));
    let slowest = timeline.ticks.iter().filter_map(|tick| {
        Some(Circle::new(at(tick, tick.max_ms?), 3, SLOWEST.filled()))
    });
    chart.draw_series(slowest)?;
    let medians = line_segments(&timeline.ticks).into_iter().map(|run| {
        let points = run.iter().filter_map(|tick| Some(at(tick, tick.p50_ms?)));
        PathElement::new(points.collect::<Vec<_>>(), LATENCY.stroke_width(2))
    });
    chart.draw_series(medians)?;
    Ok(())
}

/// Groups of ticks that one line joins: ticks with answers, without long gaps.
fn line_segments(ticks: &[Tick]) -> Vec<Vec<&Tick>> {
    let mut line_segments: Vec<Vec<&Tick>> = Vec::new();
    for tick in ticks.iter().filter(|tick| tick.p50_ms.is_some()) {
        let joins = |run: &&mut Vec<&Tick>| {
            run.last().is_some_and(|last| tick.at_ms - last.at_ms <= MAX_JOINED_GAP_MS)
        };
        match line_segments.last_mut().filter(joins) {
            Some(run) => run.push(tick),
            None => line_segments.push(vec![tick]),
        }
    }
    line_segments
}

/// Bars of lost logins, with failed requests on top of them.
fn draw_errors(area: &Drawing<'_>, axis: &Axis, timeline: &Timeline) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_right(RIGHT_MARGIN)
        .margin_left(LEFT_MARGIN)
        .build_cartesian_2d(
            (axis.from_ms..axis.to_ms).with_key_points(axis.seconds()),
            0..axis.max_errors,
        )?;
    chart
        .configure_mesh()
        .axis_style(TRANSPARENT)
        .disable_y_mesh()
        .bold_line_style(RULE)
        .draw()?;
    let bar = |tick: &Tick, from, to, colour: RGBColor| {
        let end_ms = tick.at_ms + TICK_MS;
        Rectangle::new([(tick.at_ms, from), (end_ms, to)], colour.filled())
    };
    let lost = timeline.ticks.iter().filter(|tick| tick.logins_lost > 0);
    chart.draw_series(lost.map(|tick| bar(tick, 0, tick.logins_lost, LOST)))?;
    let failed = timeline.ticks.iter().filter(|tick| tick.failed > 0);
    chart.draw_series(failed.map(|tick| {
        bar(tick, tick.logins_lost, tick.logins_lost + tick.failed, FAILED)
    }))?;
    Ok(())
}

fn draw_legend(drawing: &Drawing<'_>, top: i32) -> Drawn {
    let square = |x: i32, style: ShapeStyle| {
        let left = LEFT_MARGIN + x;
        drawing.draw(&Rectangle::new([(left, top), (left + 14, top + 14)], style))
    };
    let name = |x: i32, name: &str| {
        drawing.draw(&Text::new(name, (LEFT_MARGIN + x, top), text(18, &INK)))
    };
    let line = vec![(LEFT_MARGIN, top + 7), (LEFT_MARGIN + 30, top + 7)];
    drawing.draw(&PathElement::new(line, LATENCY.stroke_width(2)))?;
    name(38, "median latency")?;
    drawing.draw(&Circle::new((LEFT_MARGIN + 190, top + 7), 3, SLOWEST.filled()))?;
    name(202, "slowest")?;
    square(290, LOST.filled())?;
    name(312, "logins lost")?;
    square(420, FAILED.filled())?;
    name(442, "errors")?;
    square(520, UNDER_WAY.filled())?;
    name(542, "being done")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(at_ms: i64, p50_ms: Option<f64>) -> Tick {
        Tick { at_ms, p50_ms, ..Tick::default() }
    }

    #[test]
    fn line_has_a_gap_during_an_outage() {
        let ticks = [
            tick(0, Some(1.0)),
            tick(100, Some(1.0)),
            tick(200, None),
            tick(900, Some(1.0)),
        ];
        let lengths: Vec<_> = line_segments(&ticks).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1]);
    }
}
