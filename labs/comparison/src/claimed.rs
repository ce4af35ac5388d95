//! Compares the figures of the course's source material with those of this run.

use crate::figure::{Figure, number};
use crate::report::Report;
use crate::scenario::Scenario;
use crate::trial::Row;
use api_contract::design::Design;
use serde::Serialize;

/// Result of comparing a published figure with the measured one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The measured figure lies in the published range.
    Agrees,
    /// It lies outside, on this machine.
    Differs,
    /// The run shows a part of it, too little for a decision.
    Partly,
    /// The figures of this kind were invalid in this run.
    Inconclusive,
    /// The run has no such measurement.
    NotMeasured,
}

impl Finding {
    /// The text for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Partly => "partly",
            Self::Inconclusive => "inconclusive",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A published figure and the measured one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// The subject of the figure.
    pub about: &'static str,
    /// The figure or the text of the source.
    #[serde(rename = "published")]
    pub claimed: String,
    /// The measured figure, with a remark.
    pub measured: String,
    /// Whether the two agree.
    #[serde(rename = "agreement")]
    pub finding: Finding,
}

/// Every published figure, in the order of the source.
#[must_use]
pub fn claims(report: &Report) -> Vec<Claim> {
    let central = |row| steady(report, Design::Central, row);
    let counted = |claim| if_latencies_count(report, claim);
    vec![
        counted(memory_lookup(report)),
        signature_check(report),
        counted(central_costs(report)),
        counted(ranged("whole request, p50", central(Row::P50Ms), (10.0, 20.0))),
        counted(ranged("whole request, p95", central(Row::P95Ms), (30.0, 50.0))),
        counted(ranged("whole request, p99", central(Row::P99Ms), (50.0, 100.0))),
        counted(warm_cache(report)),
        unmeasured("cold lookup, warm lookup", "75 ms, 3 ms".to_owned(), NOT_MEASURED),
        unmeasured("cache hits after warming", "90 %".to_owned(), NOT_MEASURED),
        availability(report),
        replication(report),
        revocation(report),
    ]
}

const NOT_MEASURED: &str = "this run does not measure it";

/// A latency under steady load, or the reason for its absence.
fn steady(report: &Report, design: Design, row: Row) -> Result<f64, String> {
    match report.figure(design, Scenario::SteadyLoad, row) {
        None => Err(NOT_MEASURED.to_owned()),
        Some(Figure::Absent { why }) => Err(why.clone()),
        Some(Figure::Measured { median, .. }) => Ok(*median),
    }
}

/// Latencies of an overloaded machine neither confirm nor contradict a published figure.
fn if_latencies_count(report: &Report, claim: Claim) -> Claim {
    match report.latency_doubt(Scenario::SteadyLoad) {
        Some(doubt) if claim.finding != Finding::NotMeasured => Claim {
            measured: format!("{}; {doubt}", claim.measured),
            finding: Finding::Inconclusive,
            ..claim
        },
        _ => claim,
    }
}

/// A figure in milliseconds agrees with a range that contains it, bounds included. A smaller
/// figure differs: a published 10 ms is wrong for a measured 2 ms, too.
fn ranged(
    about: &'static str,
    measured: Result<f64, String>,
    (low, high): (f64, f64),
) -> Claim {
    let claimed = format!("{} to {} ms", number(low), number(high));
    let found = match measured {
        Err(why) => return unmeasured(about, claimed, &why),
        Ok(found) => found,
    };
    let (place, finding) = match found {
        found if found < low => (", less than claimed", Finding::Differs),
        found if found > high => (", more than claimed", Finding::Differs),
        _ => ("", Finding::Agrees),
    };
    Claim { about, claimed, measured: format!("{} ms{place}", number(found)), finding }
}

fn unmeasured(about: &'static str, claimed: String, why: &str) -> Claim {
    Claim { about, claimed, measured: why.to_owned(), finding: Finding::NotMeasured }
}

fn memory_lookup(report: &Report) -> Claim {
    let (about, claimed) = ("session lookup in memory", "0.1 ms".to_owned());
    match steady(report, Design::Sticky, Row::P50Ms) {
        Err(why) => unmeasured(about, claimed, &why),
        Ok(whole) => Claim {
            about,
            claimed,
            measured: format!(
                "a whole request with it: {} ms; alone it is too small to be seen from \
                 outside",
                number(whole)
            ),
            finding: Finding::Partly,
        },
    }
}

/// The source gives one digit, so every figure that rounds to it agrees.
fn signature_check(report: &Report) -> Claim {
    let token = report.design(Design::Token);
    let check = token.and_then(|token| token.elsewhere.check_ms);
    let check = check.ok_or_else(|| NOT_MEASURED.to_owned());
    let claim = ranged("check of a token's signature", check, (0.45, 0.55));
    Claim { claimed: "0.5 ms".to_owned(), ..claim }
}

/// The difference between two whole requests; one of them reads its session from Redis.
fn central_costs(report: &Report) -> Claim {
    let of = |design| steady(report, design, Row::P50Ms);
    let more = of(Design::Central)
        .and_then(|central| of(Design::Sticky).map(|sticky| central - sticky));
    let sign = if more.as_ref().is_ok_and(|more| *more >= 0.0) { "+" } else { "" };
    let claim = ranged("a session in Redis costs more than in memory", more, (1.0, 5.0));
    Claim {
        claimed: "+1 to 5 ms".to_owned(),
        measured: format!("{sign}{}", claim.measured),
        ..claim
    }
}

/// Every session is in Redis from its login on, so no request misses the cache: the source's
/// "whole request" and "warm cache" are the same figure here.
fn warm_cache(report: &Report) -> Claim {
    let whole = steady(report, Design::Central, Row::P50Ms);
    let mut claim = ranged("with a warm session cache", whole, (3.0, 5.0));
    if claim.finding != Finding::NotMeasured {
        claim.measured += "; the same figure as that of the whole request: here no session \
                           is ever missing in the cache";
    }
    claim
}

fn availability(report: &Report) -> Claim {
    let (about, claimed) = ("sticky sessions", "availability poor".to_owned());
    let out = |scenario| {
        let figure =
            report.figure(Design::Sticky, scenario, Row::UsersLoggedOut)?.median()?;
        let users = report.made.users;
        Some((figure, format!("{scenario}: {} of {users} users out", number(figure))))
    };
    let faults =
        [Scenario::KillAReplica, Scenario::KillReplicasInTurn, Scenario::RollingRestart];
    let found: Vec<_> = faults.into_iter().filter_map(out).collect();
    if found.is_empty() {
        return unmeasured(about, claimed, NOT_MEASURED);
    }
    let agrees = found.iter().any(|(out, _)| *out > 0.0);
    let measured: Vec<_> = found.into_iter().map(|(_, text)| text).collect();
    let finding = if agrees { Finding::Agrees } else { Finding::Differs };
    Claim { about, claimed, measured: measured.join("; "), finding }
}

fn replication(report: &Report) -> Claim {
    let (about, claimed) =
        ("replicated sessions", "do not scale past 10 servers".to_owned());
    let replicated = report.design(Design::Replicated);
    match replicated.and_then(|one| one.sessions_most.median()) {
        None => unmeasured(about, claimed, NOT_MEASURED),
        Some(most) => Claim {
            about,
            claimed,
            measured: format!(
                "three replicas, so the number 10 is open; each of them holds {} of 1,000 \
                 sessions, so more replicas hold no more",
                number(most.round())
            ),
            finding: Finding::Partly,
        },
    }
}

fn revocation(report: &Report) -> Claim {
    let (about, claimed) = ("revoking a token", "hard".to_owned());
    let of = |row| report.figure(Design::Token, Scenario::RevokeOne, row);
    let (Some(looked_up), Some(not)) =
        (of(Row::RevocationMs), of(Row::RevocationWithoutLookupMs))
    else {
        return unmeasured(about, claimed, NOT_MEASURED);
    };
    let (Some(looked_up), Some(not)) = (looked_up.median(), not.median()) else {
        return unmeasured(about, claimed, NOT_MEASURED);
    };
    let measured = format!(
        "with a lookup {} ms after the order, without one {} ms (tokens that live 2 s)",
        number(looked_up),
        number(not)
    );
    let finding = if looked_up < not { Finding::Agrees } else { Finding::Differs };
    Claim { about, claimed, measured, finding }
}
