//! Checks the results of a run. The functions are pure, so that tests can show each check
//! failing.

use crate::phase::{Phase, phase_of};
use crate::read_back::ReadBack;
use crate::sample::{Ended, Sample};
use crate::story::{Plot, Work};
use comparison::{Design, Outcome};
use serde::Serialize;
use std::collections::BTreeSet;

/// The observations of a run.
pub(crate) struct Evidence<'a> {
    pub(crate) work: Work,
    pub(crate) plot: Plot,
    pub(crate) design: Design,
    pub(crate) users: usize,
    pub(crate) samples: &'a [Sample],
    pub(crate) phases: &'a [Phase],
    pub(crate) read_back: &'a ReadBack,
    /// The number of waves, and of failed logins in them.
    pub(crate) left_out: usize,
    /// The reason why latencies of this run are invalid, if they are.
    pub(crate) doubt: Option<&'a str>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    #[serde(rename = "title")]
    pub(crate) promise: &'static str,
    pub(crate) outcome: Outcome,
    /// The result, as text.
    #[serde(rename = "measured")]
    pub(crate) found: String,
}

/// Runs all checks. Correctness of answers is required at any load. Availability is not: on
/// an overloaded machine a lost request is inconclusive.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = vec![enough(evidence), truth(evidence)];
    if evidence.work.uploads() {
        findings.push(acknowledged(evidence.read_back));
    }
    if evidence.design.survives_replica_loss() && evidence.work != Work::Logins {
        findings.push(logins(evidence));
    }
    findings.push(lost(evidence));
    if evidence.work == Work::Logins {
        findings.push(everybody_in(evidence));
    }
    findings
}

fn count(evidence: &Evidence<'_>, of: impl Fn(&Sample) -> bool) -> usize {
    evidence.samples.iter().filter(|sample| of(sample)).count()
}

fn enough(evidence: &Evidence<'_>) -> Finding {
    let fine = evidence.samples.iter().filter(|sample| sample.ended == Ended::Fine);
    let answered: BTreeSet<_> = fine.map(|sample| sample.user).collect();
    let idle = evidence.users - answered.len().min(evidence.users);
    let unsent = count(evidence, |sample| sample.ended == Ended::NotSent);
    Finding {
        promise: "the run has enough requests",
        outcome: match idle == 0 && unsent == 0 && evidence.users > 0 {
            true => Outcome::Pass,
            false => Outcome::Inconclusive,
        },
        found: format!(
            "{idle} users had no successful answer, {unsent} requests were never sent"
        ),
    }
}

fn truth(evidence: &Evidence<'_>) -> Finding {
    let untrue = count(evidence, |one| matches!(one.ended, Ended::Untrue(_)));
    Finding {
        promise: "every answer is correct",
        outcome: kept(untrue == 0),
        found: format!("{untrue} were incorrect"),
    }
}

fn acknowledged(found: &ReadBack) -> Finding {
    let ReadBack { acknowledged, missing, different, twice, unread, .. } = found;
    let broken = missing + different + twice;
    let outcome = match (broken, *unread, *acknowledged) {
        (1.., _, _) => Outcome::Fail,
        (0, 0, 1..) => Outcome::Pass,
        _ => Outcome::Inconclusive,
    };
    Finding {
        promise: "every acknowledged upload exists once, with its bytes",
        outcome,
        found: format!(
            "of {acknowledged}: {missing} missing, {different} with other bytes, \
             {twice} twice, {unread} unread"
        ),
    }
}

fn logins(evidence: &Evidence<'_>) -> Finding {
    let lost = count(evidence, |sample| sample.ended == Ended::LoggedOut);
    Finding {
        promise: "no user is logged out",
        outcome: kept(lost == 0),
        found: format!("{lost} requests found their login lost"),
    }
}

/// Checks for failed requests. Lost logins and incorrect answers have checks of their own;
/// a login may be deferred.
fn lost(evidence: &Evidence<'_>) -> Finding {
    let is_lost = |sample: &Sample| match sample.ended {
        Ended::Busy => evidence.work != Work::Logins,
        Ended::Status(_) | Ended::TimedOut | Ended::NoConnection | Ended::BrokenOff => {
            true
        }
        Ended::Fine | Ended::LoggedOut | Ended::Untrue(_) | Ended::NotSent => false,
    };
    let excused = |sample: &Sample| {
        let phase = evidence.phases.get(phase_of(sample, evidence.phases));
        phase.is_some_and(|phase| phase.disturbed)
    };
    let all = count(evidence, is_lost);
    let lost = count(evidence, |sample| is_lost(sample) && !excused(sample));
    Finding {
        promise: match evidence.plot {
            Plot::Kill => "requests are lost only between the kill and its detection",
            _ => "no request is lost",
        },
        outcome: kept_if_there_was_time(lost == 0, evidence.doubt),
        found: match evidence.plot {
            Plot::Kill => format!("{lost} lost, and {} by the kill", all - lost),
            _ => format!("{lost} lost"),
        },
    }
}

fn everybody_in(evidence: &Evidence<'_>) -> Finding {
    let (left_out, all) = (evidence.left_out, evidence.users);
    Finding {
        promise: "every user with a Retry-After logs in",
        outcome: kept_if_there_was_time(left_out == 0, evidence.doubt),
        found: format!("{left_out} logins failed in the waves of {all} users"),
    }
}

const fn kept(so: bool) -> Outcome {
    match so {
        true => Outcome::Pass,
        false => Outcome::Fail,
    }
}

const fn kept_if_there_was_time(so: bool, doubt: Option<&str>) -> Outcome {
    match (so, doubt) {
        (true, _) => Outcome::Pass,
        (false, None) => Outcome::Fail,
        (false, Some(_)) => Outcome::Inconclusive,
    }
}

#[cfg(test)]
mod tests;
