//! One design in one scenario, once: the observations, and the figures computed from them.

use crate::latency;
use crate::recovery::recovered_after_us;
use crate::revocation::RevocationEffect;
use crate::scenario::Scenario;
use crate::series::{RequestResult, Series};
use api_contract::design::Design;
use report::figure::RepetitionFigure;
use serde::Serialize;
use std::collections::BTreeSet;

/// The observations.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The design.
    pub design: Design,
    /// The scenario.
    pub scenario: Scenario,
    /// All requests.
    pub series: Series,
    /// The users with a login from the killed replica.
    pub on_target: BTreeSet<usize>,
    /// The added replica.
    pub new_replica: Option<String>,
    /// Whether every user had the required number of answers.
    pub enough_answers: bool,
    /// The revocation's effect.
    pub revocation: Option<RevocationEffect>,
    /// The same for tokens without a lookup.
    pub revocation_without_lookup: Option<RevocationEffect>,
}

/// A row in the table of a scenario.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureKind {
    /// Successful answers a second.
    RequestsPerSecond,
    /// Successful answers, the population of the percentiles.
    Samples,
    /// Median latency of successful answers.
    P50Ms,
    /// Their 95th percentile.
    P95Ms,
    /// Their 99th percentile.
    P99Ms,
    /// Failed requests.
    Errors,
    /// 401 for a credential that should be valid.
    LoginsLost,
    /// Users with a lost login since the fault.
    UsersLoggedOut,
    /// From the fault to the recovery of the slowest user.
    RecoverySeconds,
    /// Requests answered by the added replica.
    ServedByNewReplica,
    /// From the revocation to the last accepted request.
    RevocationMs,
    /// The same for tokens without a lookup.
    RevocationWithoutLookupMs,
}

impl FigureKind {
    /// In the order of the table.
    pub const ALL: [Self; 12] = [
        Self::RequestsPerSecond,
        Self::Samples,
        Self::P50Ms,
        Self::P95Ms,
        Self::P99Ms,
        Self::Errors,
        Self::LoginsLost,
        Self::UsersLoggedOut,
        Self::RecoverySeconds,
        Self::ServedByNewReplica,
        Self::RevocationMs,
        Self::RevocationWithoutLookupMs,
    ];

    /// The rows of a scenario.
    pub fn of(scenario: Scenario) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |row| match row {
            Self::ServedByNewReplica => scenario == Scenario::ScaleOut,
            Self::RevocationMs | Self::RevocationWithoutLookupMs => {
                scenario == Scenario::RevokeOne
            }
            Self::RecoverySeconds | Self::UsersLoggedOut => {
                scenario != Scenario::SteadyLoad
            }
            _ => true,
        })
    }

    /// The row's name, with the unit.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "good answers a second",
            Self::Samples => "samples (good answers)",
            Self::P50Ms => "p50, ms",
            Self::P95Ms => "p95, ms",
            Self::P99Ms => "p99, ms",
            Self::Errors => "errors",
            Self::LoginsLost => "logins lost",
            Self::UsersLoggedOut => "users logged out since the fault",
            Self::RecoverySeconds => "seconds to recover",
            Self::ServedByNewReplica => "requests served by the new replica",
            Self::RevocationMs => "revocation delay, ms",
            Self::RevocationWithoutLookupMs => "the same without lookup, ms",
        }
    }

    /// The figure of a trial.
    pub fn figure(self, trial: &Trial) -> RepetitionFigure {
        let series = &trial.series;
        match self {
            Self::RequestsPerSecond => {
                Ok(count(series, |result| result == RequestResult::Success)
                    / seconds(series.duration_us))
            }
            Self::Samples => Ok(count(series, |result| result == RequestResult::Success)),
            Self::P50Ms => latency::p50(series),
            Self::P95Ms => latency::p95(series),
            Self::P99Ms => latency::p99(series),
            Self::Errors => Ok(count(series, RequestResult::is_error)),
            Self::LoginsLost => {
                Ok(count(series, |result| result == RequestResult::LoginLost))
            }
            Self::UsersLoggedOut => Ok(float(series.logged_out().len())),
            Self::RecoverySeconds => match recovered_after_us(series) {
                Some(after_us) => Ok(seconds(after_us)),
                None if trial.design.loses_logins_without_faults() => {
                    Err("logins are lost all the time, with or without a fault")
                }
                None => Err("not within the watch"),
            },
            Self::ServedByNewReplica => {
                let new_replica =
                    trial.new_replica.as_deref().ok_or("no replica was added here")?;
                let own = series.samples.iter();
                let own = own.filter(|one| one.served_by.as_deref() == Some(new_replica));
                Ok(float(own.count()))
            }
            Self::RevocationMs => delay(trial.revocation.as_ref()),
            Self::RevocationWithoutLookupMs => match trial.design {
                Design::Token => delay(trial.revocation_without_lookup.as_ref()),
                _ => Err("a session is always looked up"),
            },
        }
    }
}

fn delay(revoked: Option<&RevocationEffect>) -> RepetitionFigure {
    let revoked = revoked.ok_or("no user is revoked here")?;
    match (revoked.accepted_before, revoked.still_accepted_by.is_empty()) {
        (false, _) => Err("the credential was not accepted before its revocation"),
        (true, false) => Err("still accepted at the end of the watch"),
        (true, true) => Ok(revoked.delay_ms),
    }
}

fn count(series: &Series, of: impl Fn(RequestResult) -> bool) -> f64 {
    float(series.count(of))
}

#[expect(clippy::cast_precision_loss, reason = "requests of a run")]
const fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{series, trial};
    use RequestResult::{Failed, LoginLost, Success};

    #[test]
    fn each_result_is_counted_in_its_row() {
        let users: [&[RequestResult]; 2] = [
            &[Success, LoginLost, Failed, Success, Success, Success],
            &[Success, Success, Success, Success, Success, Success],
        ];
        let kill =
            trial(Design::Sticky, Scenario::KillAReplica, series(Some(50), &users));
        assert_eq!(FigureKind::Errors.figure(&kill), Ok(1.0));
        assert_eq!(FigureKind::Samples.figure(&kill), Ok(10.0));
        assert_eq!(FigureKind::LoginsLost.figure(&kill), Ok(1.0));
        assert_eq!(FigureKind::UsersLoggedOut.figure(&kill), Ok(1.0));
        let per_second = FigureKind::RequestsPerSecond.figure(&kill).unwrap();
        assert!((per_second - 10.0 / 510e-6).abs() < 1.0, "{per_second}");
    }

    #[test]
    fn inapplicable_row_has_a_reason() {
        let users: [&[RequestResult]; 1] = [&[Success; 4]];
        let kill =
            trial(Design::Sticky, Scenario::KillAReplica, series(Some(50), &users));
        assert_eq!(
            FigureKind::RevocationMs.figure(&kill),
            Err("no user is revoked here")
        );
        assert_eq!(
            FigureKind::ServedByNewReplica.figure(&kill),
            Err("no replica was added here")
        );
    }

    #[test]
    fn credential_still_accepted_has_a_reason_and_no_delay() {
        let users: [&[RequestResult]; 1] = [&[Success; 4]];
        let mut revoke =
            trial(Design::Memory, Scenario::RevokeOne, series(Some(50), &users));
        revoke.revocation = Some(RevocationEffect {
            accepted_before: true,
            accepted_after: 9,
            delay_ms: 1_499.0,
            still_accepted_by: vec!["r1".to_owned()],
        });
        assert_eq!(
            FigureKind::RevocationMs.figure(&revoke),
            Err("still accepted at the end of the watch")
        );
    }
}
