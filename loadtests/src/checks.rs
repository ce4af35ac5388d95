//! Checks the results of a run. The functions are pure, so that tests can show each check
//! failing.

use crate::load_test::{FaultSchedule, Workload};
use crate::phase::{Phase, phase_of};
use crate::sample::{RequestResult, Sample};
use crate::verification_reads::VerificationReads;
use comparison::{Design, Outcome};
use serde::Serialize;
use std::collections::BTreeSet;

/// The observations of a run.
pub(crate) struct Evidence<'a> {
    pub(crate) workload: Workload,
    pub(crate) fault_schedule: FaultSchedule,
    pub(crate) design: Design,
    pub(crate) users: usize,
    pub(crate) samples: &'a [Sample],
    pub(crate) phases: &'a [Phase],
    pub(crate) verification_reads: &'a VerificationReads,
    /// The number of waves, and of failed logins in them.
    pub(crate) failed_waves: usize,
    /// The reason why latencies of this run are invalid, if they are.
    pub(crate) invalid_reason: Option<&'a str>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CheckResult {
    pub(crate) title: &'static str,
    pub(crate) outcome: Outcome,
    /// The result, as text.
    pub(crate) measured: String,
}

/// Runs all checks. Correctness of answers is required at any load. Availability is not: on
/// an overloaded machine a lost request is inconclusive.
pub(crate) fn run_checks(evidence: &Evidence<'_>) -> Vec<CheckResult> {
    let mut results = vec![check_request_count(evidence), check_answers(evidence)];
    if evidence.workload.uploads() {
        results.push(check_uploads(evidence.verification_reads));
    }
    if evidence.design.survives_replica_loss() && evidence.workload != Workload::Logins {
        results.push(check_logins(evidence));
    }
    results.push(check_lost_requests(evidence));
    if evidence.workload == Workload::Logins {
        results.push(check_login_waves(evidence));
    }
    results
}

fn count(evidence: &Evidence<'_>, of: impl Fn(&Sample) -> bool) -> usize {
    evidence.samples.iter().filter(|sample| of(sample)).count()
}

fn check_request_count(evidence: &Evidence<'_>) -> CheckResult {
    let fine =
        evidence.samples.iter().filter(|sample| sample.result == RequestResult::Success);
    let answered: BTreeSet<_> = fine.map(|sample| sample.user).collect();
    let idle = evidence.users - answered.len().min(evidence.users);
    let unsent = count(evidence, |sample| sample.result == RequestResult::NotSent);
    CheckResult {
        title: "the run has enough requests",
        outcome: match idle == 0 && unsent == 0 && evidence.users > 0 {
            true => Outcome::Pass,
            false => Outcome::Inconclusive,
        },
        measured: format!(
            "{idle} users had no successful answer, {unsent} requests were never sent"
        ),
    }
}

fn check_answers(evidence: &Evidence<'_>) -> CheckResult {
    let incorrect =
        count(evidence, |one| matches!(one.result, RequestResult::IncorrectAnswer(_)));
    CheckResult {
        title: "every answer is correct",
        outcome: pass_if(incorrect == 0),
        measured: format!("{incorrect} were incorrect"),
    }
}

fn check_uploads(found: &VerificationReads) -> CheckResult {
    let VerificationReads {
        acknowledged, missing, corrupted, duplicated, unread, ..
    } = found;
    let broken = missing + corrupted + duplicated;
    let outcome = match (broken, *unread, *acknowledged) {
        (1.., _, _) => Outcome::Fail,
        (0, 0, 1..) => Outcome::Pass,
        _ => Outcome::Inconclusive,
    };
    CheckResult {
        title: "every acknowledged upload exists once, with its bytes",
        outcome,
        measured: format!(
            "of {acknowledged}: {missing} missing, {corrupted} with other bytes, \
             {duplicated} twice, {unread} unread"
        ),
    }
}

fn check_logins(evidence: &Evidence<'_>) -> CheckResult {
    let lost = count(evidence, |sample| sample.result == RequestResult::LoginLost);
    CheckResult {
        title: "no user is logged out",
        outcome: pass_if(lost == 0),
        measured: format!("{lost} requests found their login lost"),
    }
}

/// Checks for failed requests. Lost logins and incorrect answers have checks of their own;
/// a login may be deferred.
fn check_lost_requests(evidence: &Evidence<'_>) -> CheckResult {
    let is_lost = |sample: &Sample| match sample.result {
        RequestResult::RetryLater => evidence.workload != Workload::Logins,
        RequestResult::Status(_)
        | RequestResult::TimedOut
        | RequestResult::NoConnection
        | RequestResult::ConnectionBroken => true,
        RequestResult::Success
        | RequestResult::LoginLost
        | RequestResult::IncorrectAnswer(_)
        | RequestResult::NotSent => false,
    };
    let excused = |sample: &Sample| {
        let phase = evidence.phases.get(phase_of(sample, evidence.phases));
        phase.is_some_and(|phase| phase.fault_undetected)
    };
    let all = count(evidence, is_lost);
    let lost = count(evidence, |sample| is_lost(sample) && !excused(sample));
    CheckResult {
        title: match evidence.fault_schedule {
            FaultSchedule::KillAReplica => {
                "requests are lost only between the kill and its detection"
            }
            _ => "no request is lost",
        },
        outcome: pass_if_valid(lost == 0, evidence.invalid_reason),
        measured: match evidence.fault_schedule {
            FaultSchedule::KillAReplica => {
                format!("{lost} lost, and {} by the kill", all - lost)
            }
            _ => format!("{lost} lost"),
        },
    }
}

fn check_login_waves(evidence: &Evidence<'_>) -> CheckResult {
    let (failed_waves, all) = (evidence.failed_waves, evidence.users);
    CheckResult {
        title: "every user with a Retry-After logs in",
        outcome: pass_if_valid(failed_waves == 0, evidence.invalid_reason),
        measured: format!("{failed_waves} logins failed in the waves of {all} users"),
    }
}

const fn pass_if(holds: bool) -> Outcome {
    match holds {
        true => Outcome::Pass,
        false => Outcome::Fail,
    }
}

const fn pass_if_valid(holds: bool, invalid_reason: Option<&str>) -> Outcome {
    match (holds, invalid_reason) {
        (true, _) => Outcome::Pass,
        (false, None) => Outcome::Fail,
        (false, Some(_)) => Outcome::Inconclusive,
    }
}

#[cfg(test)]
mod tests;
