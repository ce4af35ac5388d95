//! One drawing for each scenario: the designs below each other on one time axis, with the
//! fault as a line through all of them.

use crate::report::Report;
use crate::scenario::Scenario;
use crate::svg::Svg;
use crate::timeline::{TICK_MS, Tick, Timeline};

const WIDTH: f64 = 1_200.0;

/// Margins: design names on the left, none on the right.
const LEFT_MARGIN: f64 = 130.0;
const RIGHT_MARGIN: f64 = 40.0;

/// Margins: the name of the fault above the first design, seconds below the last.
const TOP_MARGIN: f64 = 34.0;
const BOTTOM_MARGIN: f64 = 64.0;

/// Heights within a strip: latencies, errors, and the gap to the next strip.
const LATENCY_HEIGHT: f64 = 84.0;
const ERRORS_HEIGHT: f64 = 30.0;
const STRIP_GAP: f64 = 26.0;

/// The latency scale, in milliseconds: four decades.
const LATENCY_SCALE_MS: (f64, f64) = (1.0, 10_000.0);

/// Longest gap without answers that a line bridges, in milliseconds.
const MAX_JOINED_GAP_MS: i64 = 3 * TICK_MS;

/// The plot of a scenario, with its legend.
pub(super) fn of_scenario(report: &Report, scenario: Scenario) -> String {
    let of = |one: &&Timeline| one.scenario == scenario;
    let timelines: Vec<_> = report.timelines.iter().filter(of).collect();
    let axis = Axis::over(&timelines);
    let mut svg = Svg::default();
    #[expect(clippy::cast_precision_loss, reason = "five designs")]
    let bottom = TOP_MARGIN
        + (LATENCY_HEIGHT + ERRORS_HEIGHT + STRIP_GAP) * timelines.len() as f64;
    let mut top = TOP_MARGIN;
    for timeline in &timelines {
        draw_strip(&mut svg, &axis, top, timeline);
        top += LATENCY_HEIGHT + ERRORS_HEIGHT + STRIP_GAP;
    }
    draw_time(&mut svg, &axis, bottom);
    if scenario != Scenario::SteadyLoad {
        let x = axis.x(0);
        svg.line("fault", (x, TOP_MARGIN - 10.0), (x, bottom));
        svg.text(
            "fault-name",
            (x + 6.0, TOP_MARGIN - 12.0),
            &scenario.fault(&report.run_info.target),
        );
    }
    draw_legend(&mut svg, bottom + 52.0);
    let description = format!(
        "{}: latency, lost logins and errors over time, one strip a design",
        scenario.title()
    );
    format!(
        "<figure>\n{}</figure>\n",
        svg.finish((WIDTH, bottom + BOTTOM_MARGIN), &description)
    )
}

/// Maps milliseconds to x, equal in all strips of a plot; and the highest bar.
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

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are exact")]
    fn x(&self, at_ms: i64) -> f64 {
        let share = (at_ms - self.from_ms) as f64 / (self.to_ms - self.from_ms) as f64;
        LEFT_MARGIN + share * (WIDTH - LEFT_MARGIN - RIGHT_MARGIN)
    }

    #[expect(clippy::cast_precision_loss, reason = "some hundred requests")]
    fn bar(&self, count: usize) -> f64 {
        ERRORS_HEIGHT * count as f64 / self.max_errors as f64
    }
}

/// Offset from the top of a strip.
fn y(latency_ms: f64) -> f64 {
    let (low, high) = LATENCY_SCALE_MS;
    let share = (latency_ms.clamp(low, high) / low).log10() / (high / low).log10();
    LATENCY_HEIGHT * (1.0 - share)
}

fn draw_strip(svg: &mut Svg, axis: &Axis, top: f64, timeline: &Timeline) {
    let (left, right) = (LEFT_MARGIN, WIDTH - RIGHT_MARGIN);
    svg.rect("strip", (left, top), (right - left, LATENCY_HEIGHT + ERRORS_HEIGHT));
    if let Some(done) = timeline.fault_duration_ms.filter(|done| *done > 0) {
        let width = axis.x(done.min(axis.to_ms)) - axis.x(0);
        svg.rect("under-way", (axis.x(0), top), (width, LATENCY_HEIGHT + ERRORS_HEIGHT));
    }
    for (latency, name) in [(10.0, "10 ms"), (100.0, "100 ms"), (1_000.0, "1 s")] {
        let at = top + y(latency);
        svg.line("grid", (left, at), (right, at));
        svg.text("scale", (left - 8.0, at + 4.0), name);
    }
    svg.text("design", (0.0, top + 16.0), timeline.design.as_str());
    let middle = |tick: &Tick| axis.x(tick.at_ms + TICK_MS / 2);
    for tick in &timeline.ticks {
        if let Some(worst) = tick.max_ms {
            svg.dot("worst", (middle(tick), top + y(worst)), 2.6);
        }
        draw_errors(svg, axis, top + LATENCY_HEIGHT + ERRORS_HEIGHT, tick);
    }
    for run in line_segments(&timeline.ticks) {
        let point = |tick: &&Tick| Some((middle(tick), top + y(tick.p50_ms?)));
        svg.path("median", &run.iter().filter_map(point).collect::<Vec<_>>());
    }
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

fn draw_errors(svg: &mut Svg, axis: &Axis, floor: f64, tick: &Tick) {
    let x = axis.x(tick.at_ms) + 0.5;
    let width = (axis.x(tick.at_ms + TICK_MS) - x - 0.5).max(1.0);
    let (logins_lost, failed) = (axis.bar(tick.logins_lost), axis.bar(tick.failed));
    if tick.logins_lost > 0 {
        svg.rect("lost", (x, floor - logins_lost), (width, logins_lost));
    }
    if tick.failed > 0 {
        svg.rect("failed", (x, floor - logins_lost - failed), (width, failed));
    }
}

fn draw_time(svg: &mut Svg, axis: &Axis, bottom: f64) {
    let every = match (axis.to_ms - axis.from_ms) / 1_000 {
        0..12 => 1,
        12..30 => 2,
        _ => 5,
    };
    let first = axis.from_ms.div_euclid(1_000);
    for second in first..=axis.to_ms / 1_000 {
        let shown = second * 1_000 >= axis.from_ms && second % every == 0;
        if shown {
            let x = axis.x(second * 1_000);
            svg.line("grid", (x, TOP_MARGIN), (x, bottom));
            svg.text("second", (x, bottom + 16.0), &format!("{second} s"));
        }
    }
}

fn draw_legend(svg: &mut Svg, at: f64) {
    svg.path("median", &[(LEFT_MARGIN, at - 5.0), (LEFT_MARGIN + 30.0, at - 5.0)]);
    svg.text("legend", (LEFT_MARGIN + 38.0, at), "median latency");
    svg.dot("worst", (LEFT_MARGIN + 190.0, at - 5.0), 3.0);
    svg.text("legend", (LEFT_MARGIN + 202.0, at), "slowest");
    svg.rect("lost", (LEFT_MARGIN + 290.0, at - 14.0), (14.0, 14.0));
    svg.text("legend", (LEFT_MARGIN + 312.0, at), "logins lost");
    svg.rect("failed", (LEFT_MARGIN + 420.0, at - 14.0), (14.0, 14.0));
    svg.text("legend", (LEFT_MARGIN + 442.0, at), "errors");
    svg.rect("under-way", (LEFT_MARGIN + 520.0, at - 14.0), (14.0, 14.0));
    svg.text("legend", (LEFT_MARGIN + 542.0, at), "being done");
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

    #[test]
    fn slower_is_higher_and_stays_within_its_strip() {
        assert!(y(100.0) < y(10.0));
        assert!(y(0.01) <= LATENCY_HEIGHT && y(1e9) >= 0.0);
    }
}
