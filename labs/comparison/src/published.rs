//! Compares the figures of the course's source material with those of this run.

use crate::published_figure::{Agreement, PublishedFigure};
use crate::report::Report;
use crate::scenario::Scenario;
use crate::trial::FigureKind;
use api_contract::design::Design;
use report::figure::{Figure, format_number};

/// The report with the published figures beside its own.
#[must_use]
pub fn with_published_figures(mut report: Report) -> Report {
    report.published_figures = published_figures(&report);
    report
}

/// Every published figure, in the order of the source.
#[must_use]
pub fn published_figures(report: &Report) -> Vec<PublishedFigure> {
    let central = |row| steady(report, Design::Central, row);
    let if_valid = |published_figure| if_latencies_count(report, published_figure);
    vec![
        if_valid(memory_lookup(report)),
        signature_check(report),
        if_valid(central_costs(report)),
        if_valid(compare_with_range(
            "whole request, p50",
            central(FigureKind::P50Ms),
            (10.0, 20.0),
        )),
        if_valid(compare_with_range(
            "whole request, p95",
            central(FigureKind::P95Ms),
            (30.0, 50.0),
        )),
        if_valid(compare_with_range(
            "whole request, p99",
            central(FigureKind::P99Ms),
            (50.0, 100.0),
        )),
        if_valid(warm_cache(report)),
        not_measured("cold lookup, warm lookup", "75 ms, 3 ms".to_owned(), NOT_MEASURED),
        not_measured("cache hits after warming", "90 %".to_owned(), NOT_MEASURED),
        availability(report),
        replication(report),
        revocation(report),
    ]
}

const NOT_MEASURED: &str = "this run does not measure it";

/// A latency under steady load, or the reason for its absence.
fn steady(report: &Report, design: Design, row: FigureKind) -> Result<f64, String> {
    match report.figure(design, Scenario::SteadyLoad, row) {
        None => Err(NOT_MEASURED.to_owned()),
        Some(Figure::Absent { reason }) => Err(reason.clone()),
        Some(Figure::Measured { median, .. }) => Ok(*median),
    }
}

/// Latencies of an overloaded machine neither confirm nor contradict a published figure.
fn if_latencies_count(
    report: &Report,
    published_figure: PublishedFigure,
) -> PublishedFigure {
    match report.invalid_latency_reason(Scenario::SteadyLoad) {
        Some(doubt) if published_figure.agreement != Agreement::NotMeasured => {
            PublishedFigure {
                measured: format!("{}; {doubt}", published_figure.measured),
                agreement: Agreement::Inconclusive,
                ..published_figure
            }
        }
        _ => published_figure,
    }
}

/// A figure in milliseconds agrees with a range that contains it, bounds included. A smaller
/// figure differs: a published 10 ms is wrong for a measured 2 ms, too.
fn compare_with_range(
    subject: &'static str,
    measured: Result<f64, String>,
    (low, high): (f64, f64),
) -> PublishedFigure {
    let published = format!("{} to {} ms", format_number(low), format_number(high));
    let value = match measured {
        Err(why) => return not_measured(subject, published, &why),
        Ok(value) => value,
    };
    let (place, agreement) = match value {
        value if value < low => (", less than claimed", Agreement::Differs),
        value if value > high => (", more than claimed", Agreement::Differs),
        _ => ("", Agreement::Agrees),
    };
    PublishedFigure {
        subject,
        published,
        measured: format!("{} ms{place}", format_number(value)),
        agreement,
    }
}

fn not_measured(subject: &'static str, published: String, why: &str) -> PublishedFigure {
    PublishedFigure {
        subject,
        published,
        measured: why.to_owned(),
        agreement: Agreement::NotMeasured,
    }
}

fn memory_lookup(report: &Report) -> PublishedFigure {
    let (subject, published) = ("session lookup in memory", "0.1 ms".to_owned());
    match steady(report, Design::Sticky, FigureKind::P50Ms) {
        Err(why) => not_measured(subject, published, &why),
        Ok(whole) => PublishedFigure {
            subject,
            published,
            measured: format!(
                "a whole request with it: {} ms; alone it is too small to be seen from \
                 outside",
                format_number(whole)
            ),
            agreement: Agreement::Partly,
        },
    }
}

/// The source gives one digit, so every figure that rounds to it agrees.
fn signature_check(report: &Report) -> PublishedFigure {
    let token = report.design(Design::Token);
    let check = token.and_then(|token| token.other_service.signature_check_ms);
    let check = check.ok_or_else(|| NOT_MEASURED.to_owned());
    let published_figure =
        compare_with_range("check of a token's signature", check, (0.45, 0.55));
    PublishedFigure { published: "0.5 ms".to_owned(), ..published_figure }
}

/// The difference between two whole requests; one of them reads its session from Redis.
fn central_costs(report: &Report) -> PublishedFigure {
    let of = |design| steady(report, design, FigureKind::P50Ms);
    let more = of(Design::Central)
        .and_then(|central| of(Design::Sticky).map(|sticky| central - sticky));
    let sign = if more.as_ref().is_ok_and(|more| *more >= 0.0) { "+" } else { "" };
    let published_figure = compare_with_range(
        "a session in Redis costs more than in memory",
        more,
        (1.0, 5.0),
    );
    PublishedFigure {
        published: "+1 to 5 ms".to_owned(),
        measured: format!("{sign}{}", published_figure.measured),
        ..published_figure
    }
}

/// Every session is in Redis from its login on, so no request misses the cache: the source's
/// "whole request" and "warm cache" are the same figure here.
fn warm_cache(report: &Report) -> PublishedFigure {
    let whole = steady(report, Design::Central, FigureKind::P50Ms);
    let mut published_figure =
        compare_with_range("with a warm session cache", whole, (3.0, 5.0));
    if published_figure.agreement != Agreement::NotMeasured {
        published_figure.measured += "; the same figure as that of the whole request: here no session \
                           is ever missing in the cache";
    }
    published_figure
}

fn availability(report: &Report) -> PublishedFigure {
    let (subject, published) = ("sticky sessions", "availability poor".to_owned());
    let logged_out = |scenario| {
        let figure = report
            .figure(Design::Sticky, scenario, FigureKind::UsersLoggedOut)?
            .median()?;
        let users = report.run_info.users;
        Some((
            figure,
            format!("{scenario}: {} of {users} users out", format_number(figure)),
        ))
    };
    let faults =
        [Scenario::KillAReplica, Scenario::KillReplicasInTurn, Scenario::RollingRestart];
    let value: Vec<_> = faults.into_iter().filter_map(logged_out).collect();
    if value.is_empty() {
        return not_measured(subject, published, NOT_MEASURED);
    }
    let agrees = value.iter().any(|(logged_out, _)| *logged_out > 0.0);
    let measured: Vec<_> = value.into_iter().map(|(_, text)| text).collect();
    let agreement = if agrees { Agreement::Agrees } else { Agreement::Differs };
    PublishedFigure { subject, published, measured: measured.join("; "), agreement }
}

fn replication(report: &Report) -> PublishedFigure {
    let (subject, published) =
        ("replicated sessions", "do not scale past 10 servers".to_owned());
    let replicated = report.design(Design::Replicated);
    match replicated.and_then(|one| one.sessions_most.median()) {
        None => not_measured(subject, published, NOT_MEASURED),
        Some(most) => PublishedFigure {
            subject,
            published,
            measured: format!(
                "three replicas, so the number 10 is open; each of them holds {} of 1,000 \
                 sessions, so more replicas hold no more",
                format_number(most.round())
            ),
            agreement: Agreement::Partly,
        },
    }
}

fn revocation(report: &Report) -> PublishedFigure {
    let (subject, published) = ("revoking a token", "hard".to_owned());
    let of = |row| report.figure(Design::Token, Scenario::RevokeOne, row);
    let (Some(looked_up), Some(not)) =
        (of(FigureKind::RevocationMs), of(FigureKind::RevocationWithoutLookupMs))
    else {
        return not_measured(subject, published, NOT_MEASURED);
    };
    let (Some(looked_up), Some(not)) = (looked_up.median(), not.median()) else {
        return not_measured(subject, published, NOT_MEASURED);
    };
    let measured = format!(
        "with a lookup {} ms after the order, without one {} ms (tokens that live 2 s)",
        format_number(looked_up),
        format_number(not)
    );
    let agreement = if looked_up < not { Agreement::Agrees } else { Agreement::Differs };
    PublishedFigure { subject, published, measured, agreement }
}
