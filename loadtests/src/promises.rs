//! What was promised, and whether it was kept. Nothing in here talks to anybody, so that it
//! can be shown what a broken promise looks like.

use crate::phase::{Phase, phase_of};
use crate::read_back::ReadBack;
use crate::sample::{Ended, Sample};
use crate::story::{Plot, Work};
use comparison::{Contender, Outcome};
use serde::Serialize;
use std::collections::BTreeSet;

/// What was seen.
pub(crate) struct Evidence<'a> {
    pub(crate) work: Work,
    pub(crate) plot: Plot,
    pub(crate) design: Contender,
    pub(crate) users: usize,
    pub(crate) samples: &'a [Sample],
    pub(crate) phases: &'a [Phase],
    pub(crate) read_back: &'a ReadBack,
    /// Waves of logins, and how many times somebody did not get through one.
    pub(crate) left_out: usize,
    /// Why times of this run do not count, if they do not.
    pub(crate) doubt: Option<&'a str>,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Finding {
    #[serde(rename = "title")]
    pub(crate) promise: &'static str,
    pub(crate) outcome: Outcome,
    /// What was found, in words.
    #[serde(rename = "measured")]
    pub(crate) found: String,
}

/// Judges. What a server says has to be true at any load. That it answers at all takes a
/// machine that has time: on one that has none, a lost request shows nothing.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = vec![enough(evidence), truth(evidence)];
    if evidence.work.uploads() {
        findings.push(acknowledged(evidence.read_back));
    }
    if evidence.design.outlives_replicas() && evidence.work != Work::Logins {
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
        promise: "enough was seen to say something",
        outcome: match idle == 0 && unsent == 0 && evidence.users > 0 {
            true => Outcome::Pass,
            false => Outcome::Inconclusive,
        },
        found: format!("{idle} users had no good answer, {unsent} requests never left"),
    }
}

fn truth(evidence: &Evidence<'_>) -> Finding {
    let untrue = count(evidence, |one| matches!(one.ended, Ended::Untrue(_)));
    Finding {
        promise: "what was answered is true",
        outcome: kept(untrue == 0),
        found: format!("{untrue} answers were not"),
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
        promise: "every acknowledged upload is there, once, with its bytes",
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
        promise: "nobody is logged out, whatever happens to replicas",
        outcome: kept(lost == 0),
        found: format!("{lost} requests met a lost login"),
    }
}

/// Requests that were not answered as they should. Lost logins and untrue answers have
/// promises of their own; a login may be put off.
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
            Plot::Kill => "no request is lost but by the kill, until it is noticed",
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
        promise: "whoever is told to come back gets in",
        outcome: kept_if_there_was_time(left_out == 0, evidence.doubt),
        found: format!("of {all} users, {left_out} times one was left out of a wave"),
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
