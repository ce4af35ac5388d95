//! Compares the expected outcomes of each design with the observed ones.

use crate::recovery::is_quiesced;
use crate::scenario::Scenario;
use crate::series::RequestResult;
use crate::trial::Trial;
use api_contract::design::Design;
use outcome::Outcome;
use serde::Serialize;

mod designs;
mod revocation;

pub use designs::of_design;

/// One check about one design, with the figure that decides it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The design.
    pub design: Design,
    /// The scenario; absent if the check covers all of them.
    pub scenario: Option<Scenario>,
    /// The text of the check.
    pub title: String,
    /// The expected figure.
    pub expected: String,
    /// The measured figure.
    pub measured: String,
    /// Whether the check holds.
    pub outcome: Outcome,
    /// The reasons for "inconclusive".
    #[serde(rename = "doubts")]
    pub inconclusive_reasons: Vec<String>,
}

/// Builds the checks about a trial.
struct CheckBuilder<'a> {
    trial: &'a Trial,
    inconclusive_reasons: Vec<String>,
}

impl CheckBuilder<'_> {
    /// `inexcusable`: a slow machine cannot explain a deviation.
    fn check(
        &self,
        title: &str,
        expected: &dyn ToString,
        measured: &dyn ToString,
        holds: bool,
        inexcusable: bool,
    ) -> Check {
        let outcome = match (holds, self.inconclusive_reasons.is_empty()) {
            (true, true) => Outcome::Pass,
            (false, true) => Outcome::Fail,
            (false, false) if inexcusable => Outcome::Fail,
            (_, false) => Outcome::Inconclusive,
        };
        Check {
            design: self.trial.design,
            scenario: Some(self.trial.scenario),
            title: title.to_owned(),
            expected: expected.to_string(),
            measured: measured.to_string(),
            outcome,
            inconclusive_reasons: match outcome {
                Outcome::Inconclusive => self.inconclusive_reasons.clone(),
                _ => Vec::new(),
            },
        }
    }
}

/// The checks about a trial.
#[must_use]
pub fn of_trial(trial: &Trial) -> Vec<Check> {
    let builder =
        CheckBuilder { trial, inconclusive_reasons: inconclusive_reasons(trial) };
    let mut checks = vec![check_logins(&builder)];
    if trial.scenario.is_orderly() {
        // A request without an answer in ten seconds counts as failed, so a hanging design fails.
        let failed = trial.series.count(RequestResult::is_error);
        let text = "no request fails";
        checks.push(builder.check(text, &0, &failed, failed == 0, true));
    }
    if trial.scenario == Scenario::ScaleOut {
        checks.push(check_new_replica(&builder));
    }
    checks.extend(revocation::checks(trial));
    checks
}

/// The check about lost logins.
fn check_logins(builder: &CheckBuilder<'_>) -> Check {
    let trial = builder.trial;
    let lost = trial.series.count(|result| result == RequestResult::LoginLost);
    let out = trial.series.logged_out();
    let all_users = trial.series.users;
    match (trial.design, trial.scenario) {
        (Design::Memory, Scenario::KillReplicasInTurn) => check_all_logged_out(
            "every user is logged out",
            builder,
            out.len(),
            all_users,
        ),
        (Design::Memory, _) => {
            let text = "logins are lost, as they are without a fault, too";
            builder.check(text, &"some", &lost, lost > 0, false)
        }
        (Design::Sticky, Scenario::KillAReplica) => {
            let text = "exactly the users of the killed replica are logged out";
            let holds = out == trial.on_target;
            builder.check(text, &names(&trial.on_target), &names(&out), holds, false)
        }
        (Design::Sticky, Scenario::KillReplicasInTurn | Scenario::RollingRestart) => {
            check_all_logged_out(
                "every user is logged out",
                builder,
                out.len(),
                all_users,
            )
        }
        (Design::Replicated, Scenario::KillReplicasInTurn) => {
            let text = "with the last replica every user is logged out";
            check_all_logged_out(text, builder, out.len(), all_users)
        }
        (design, _) => {
            let inexcusable = design.survives_replica_loss();
            builder.check("no login is lost", &0, &lost, lost == 0, inexcusable)
        }
    }
}

fn check_all_logged_out(
    text: &str,
    builder: &CheckBuilder<'_>,
    out: usize,
    all_users: usize,
) -> Check {
    builder.check(text, &all_users, &out, out == all_users, false)
}

fn check_new_replica(builder: &CheckBuilder<'_>) -> Check {
    let new_replica = builder.trial.new_replica.as_deref();
    let since = builder.trial.series.samples.iter();
    let served = since.filter(|one| one.served_by.as_deref() == new_replica).count();
    match builder.trial.design {
        Design::Sticky => {
            let text = "logged-in users stay on their replica";
            builder.check(text, &0, &served, served == 0, false)
        }
        _ => {
            let text = "the new replica takes its share";
            builder.check(text, &"some", &served, served > 0, false)
        }
    }
}

fn names(users: &std::collections::BTreeSet<usize>) -> String {
    let names: Vec<_> = users.iter().map(|user| format!("user-{}", user + 1)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Every reason why the figures of a trial may mislead.
fn inconclusive_reasons(trial: &Trial) -> Vec<String> {
    let series = &trial.series;
    let fault = series.fault_start_us.unwrap_or(u64::MAX);
    let early = series.samples.iter().filter(|one| one.completed_us < fault);
    let early = early.filter(|one| one.result == RequestResult::Failed).count();
    let early = if trial.scenario.is_orderly() { 0 } else { early };
    let timed_out = series.count(|result| result == RequestResult::TimedOut);
    let kills_one = trial.scenario == Scenario::KillAReplica;
    let users_on_one_side = kills_one
        && trial.design == Design::Sticky
        && (trial.on_target.is_empty() || trial.on_target.len() == series.users);
    let quiesced = series.fault_start_us.is_none() || is_quiesced(series);
    let all = [
        (!trial.enough_answers, "not every user got enough answers".to_owned()),
        (!quiesced, "requests failed, or were missing, to the end".to_owned()),
        (early > 0, format!("requests failed before the fault: {early}")),
        (timed_out > 0, format!("requests got no answer in time: {timed_out}")),
        (
            users_on_one_side,
            "all users, or none, were logged in at the target replica".to_owned(),
        ),
    ];
    all.into_iter().filter_map(|(applies, reason)| applies.then_some(reason)).collect()
}

/// Merges equal checks of several repetitions; the worst outcome applies.
#[must_use]
pub fn merge_repetitions(all: Vec<Check>) -> Vec<Check> {
    let mut merged: Vec<Check> = Vec::new();
    for check in all {
        let same = |known: &&mut Check| {
            known.design == check.design
                && known.scenario == check.scenario
                && known.title == check.title
        };
        match merged.iter_mut().find(same) {
            Some(known) if known.outcome < check.outcome => *known = check,
            Some(_) => {}
            None => merged.push(check),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
