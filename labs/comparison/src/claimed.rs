//! Figures that the course's source material claims, beside what this run measured.
//!
//! The claimed figures are typed in, because they are quotations. What was measured, and
//! whether that agrees, is computed. None of it decides the verdict of a run.

use crate::contender::Contender;
use crate::figure::number;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::trial::Row;
use serde::Serialize;

/// What measurement says of a claim.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The measured figure is where the claim says.
    Agrees,
    /// It is not, on this machine.
    Differs,
    /// The run shows something of it, but cannot decide it.
    Partly,
    /// The run measures nothing of the kind.
    NotMeasured,
}

impl Finding {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Partly => "partly",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A claim and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// What is claimed.
    pub about: &'static str,
    /// The figure or the words of the source.
    pub claimed: &'static str,
    /// What this run says of it.
    pub measured: String,
    /// Whether they agree.
    pub finding: Finding,
}

/// A measured figure does not have to be the claimed one to the digit: up to twice as much
/// and down to half is agreement.
const TOLERANCE: f64 = 2.0;

/// Every claim, in the order of the source.
#[must_use]
pub fn claims(report: &Report) -> Vec<Claim> {
    let central = |row| steady(report, Contender::Central, row);
    vec![
        memory_lookup(report),
        signature_check(report),
        central_costs(report),
        ranged("whole request, p50", "10 to 20 ms", central(Row::P50Ms), (10.0, 20.0)),
        ranged("whole request, p95", "30 to 50 ms", central(Row::P95Ms), (30.0, 50.0)),
        ranged("whole request, p99", "50 to 100 ms", central(Row::P99Ms), (50.0, 100.0)),
        ranged("with a warm session cache", "3 to 5 ms", central(Row::P50Ms), (3.0, 5.0)),
        unmeasured("cold lookup, warm lookup", "75 ms, 3 ms"),
        unmeasured("cache hits after warming", "90 %"),
        availability(report),
        replication(report),
        revocation(report),
    ]
}

fn steady(report: &Report, design: Contender, row: Row) -> Option<f64> {
    report.figure(design, Scenario::SteadyLoad, row)?.median()
}

fn ranged(
    about: &'static str,
    claimed: &'static str,
    measured: Option<f64>,
    (low, high): (f64, f64),
) -> Claim {
    let Some(found) = measured else {
        return unmeasured(about, claimed);
    };
    let agrees = (low / TOLERANCE..=high * TOLERANCE).contains(&found);
    let measured = format!("{} ms", number(found));
    let finding = if agrees { Finding::Agrees } else { Finding::Differs };
    Claim { about, claimed, measured, finding }
}

fn unmeasured(about: &'static str, claimed: &'static str) -> Claim {
    let measured = "this run does not measure it".to_owned();
    Claim { about, claimed, measured, finding: Finding::NotMeasured }
}

fn memory_lookup(report: &Report) -> Claim {
    let (about, claimed) = ("session lookup in memory", "0.1 ms");
    match steady(report, Contender::Sticky, Row::P50Ms) {
        None => unmeasured(about, claimed),
        Some(whole) => Claim {
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

fn signature_check(report: &Report) -> Claim {
    let (about, claimed) = ("check of a token's signature", "0.5 ms");
    let token = report.design(Contender::Token);
    let check = token.and_then(|token| token.elsewhere.check_ms);
    ranged(about, claimed, check, (0.5, 0.5))
}

/// The difference between two whole requests, of which one asks Redis.
fn central_costs(report: &Report) -> Claim {
    let (about, claimed) = ("a session in Redis costs more than in memory", "+1 to 5 ms");
    let of = |design| steady(report, design, Row::P50Ms);
    match (of(Contender::Central), of(Contender::Sticky)) {
        (Some(central), Some(sticky)) => {
            let mut claim = ranged(about, claimed, Some(central - sticky), (1.0, 5.0));
            claim.measured =
                format!("{}{}", if central < sticky { "" } else { "+" }, claim.measured);
            claim
        }
        _ => unmeasured(about, claimed),
    }
}

fn availability(report: &Report) -> Claim {
    let (about, claimed) = ("sticky sessions", "availability poor");
    let out = |scenario| {
        let figure =
            report.figure(Contender::Sticky, scenario, Row::UsersLoggedOut)?.median()?;
        let users = report.made.users;
        Some((figure, format!("{scenario}: {} of {users} users out", number(figure))))
    };
    let faults = [Scenario::KillOne, Scenario::KillAll, Scenario::RollingRestart];
    let found: Vec<_> = faults.into_iter().filter_map(out).collect();
    if found.is_empty() {
        return unmeasured(about, claimed);
    }
    let agrees = found.iter().any(|(out, _)| *out > 0.0);
    let measured: Vec<_> = found.into_iter().map(|(_, text)| text).collect();
    let finding = if agrees { Finding::Agrees } else { Finding::Differs };
    Claim { about, claimed, measured: measured.join("; "), finding }
}

fn replication(report: &Report) -> Claim {
    let (about, claimed) = ("replicated sessions", "do not scale past 10 servers");
    let replicated = report.design(Contender::Replicated);
    match replicated.and_then(|one| one.sessions_most.median()) {
        None => unmeasured(about, claimed),
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
    let (about, claimed) = ("revoking a token", "hard");
    let of = |row| report.figure(Contender::Token, Scenario::RevokeOne, row);
    let (Some(looked_up), Some(not)) =
        (of(Row::RevocationMs), of(Row::RevocationWithoutLookupMs))
    else {
        return unmeasured(about, claimed);
    };
    let (Some(looked_up), Some(not)) = (looked_up.median(), not.median()) else {
        return unmeasured(about, claimed);
    };
    let measured = format!(
        "with a lookup {} ms after the order, without one {} ms (tokens that live 2 s)",
        number(looked_up),
        number(not)
    );
    let finding = if looked_up < not { Finding::Agrees } else { Finding::Differs };
    Claim { about, claimed, measured, finding }
}
