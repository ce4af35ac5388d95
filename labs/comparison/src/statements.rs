//! Compares the expected outcomes of each design with the observed ones.

use crate::recovery::is_calm;
use crate::scenario::Scenario;
use crate::series::Ended;
use crate::trial::Trial;
use api_contract::design::Design;
use outcome::Outcome;
use serde::Serialize;

mod designs;
mod revoked;

pub use designs::of_design;

/// One statement about one design, with the figure that decides it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// The design.
    pub design: Design,
    /// The scenario; absent if the statement covers all of them.
    pub scenario: Option<Scenario>,
    /// The text of the statement.
    #[serde(rename = "title")]
    pub says: String,
    /// The expected figure.
    pub expected: String,
    /// The measured figure.
    pub measured: String,
    /// Whether the statement holds.
    pub outcome: Outcome,
    /// The reasons for "inconclusive".
    pub doubts: Vec<String>,
}

/// Builds the statements about a trial.
struct Says<'a> {
    trial: &'a Trial,
    doubts: Vec<String>,
}

impl Says<'_> {
    /// `inexcusable`: a slow machine cannot explain a deviation.
    fn that(
        &self,
        says: &str,
        expected: &dyn ToString,
        measured: &dyn ToString,
        holds: bool,
        inexcusable: bool,
    ) -> Statement {
        let outcome = match (holds, self.doubts.is_empty()) {
            (true, true) => Outcome::Pass,
            (false, true) => Outcome::Fail,
            (false, false) if inexcusable => Outcome::Fail,
            (_, false) => Outcome::Inconclusive,
        };
        Statement {
            design: self.trial.design,
            scenario: Some(self.trial.scenario),
            says: says.to_owned(),
            expected: expected.to_string(),
            measured: measured.to_string(),
            outcome,
            doubts: match outcome {
                Outcome::Inconclusive => self.doubts.clone(),
                _ => Vec::new(),
            },
        }
    }
}

/// The statements about a trial.
#[must_use]
pub fn of_trial(trial: &Trial) -> Vec<Statement> {
    let says = Says { trial, doubts: doubts(trial) };
    let mut statements = vec![logins(&says)];
    if trial.scenario.is_orderly() {
        // A request without an answer in ten seconds counts as failed, so a hanging design fails.
        let failed = trial.series.count(Ended::is_error);
        let text = "no request fails";
        statements.push(says.that(text, &0, &failed, failed == 0, true));
    }
    if trial.scenario == Scenario::ScaleOut {
        statements.push(new_replica(&says));
    }
    statements.extend(revoked::statements(trial));
    statements
}

/// The statement about lost logins.
fn logins(says: &Says<'_>) -> Statement {
    let trial = says.trial;
    let lost = trial.series.count(|ended| ended == Ended::LoginLost);
    let out = trial.series.logged_out();
    let everybody = trial.series.users;
    match (trial.design, trial.scenario) {
        (Design::Memory, Scenario::KillReplicasInTurn) => {
            all_out("every user is logged out", says, out.len(), everybody)
        }
        (Design::Memory, _) => {
            let text = "logins are lost, as they are without a fault, too";
            says.that(text, &"some", &lost, lost > 0, false)
        }
        (Design::Sticky, Scenario::KillAReplica) => {
            let text = "exactly the users of the killed replica are logged out";
            let holds = out == trial.on_target;
            says.that(text, &names(&trial.on_target), &names(&out), holds, false)
        }
        (Design::Sticky, Scenario::KillReplicasInTurn | Scenario::RollingRestart) => {
            all_out("every user is logged out", says, out.len(), everybody)
        }
        (Design::Replicated, Scenario::KillReplicasInTurn) => {
            let text = "with the last replica every user is logged out";
            all_out(text, says, out.len(), everybody)
        }
        (design, _) => {
            let inexcusable = design.survives_replica_loss();
            says.that("no login is lost", &0, &lost, lost == 0, inexcusable)
        }
    }
}

fn all_out(text: &str, says: &Says<'_>, out: usize, everybody: usize) -> Statement {
    says.that(text, &everybody, &out, out == everybody, false)
}

fn new_replica(says: &Says<'_>) -> Statement {
    let new_replica = says.trial.new_replica.as_deref();
    let since = says.trial.series.samples.iter();
    let served = since.filter(|one| one.served_by.as_deref() == new_replica).count();
    match says.trial.design {
        Design::Sticky => {
            let text = "logged-in users stay on their replica";
            says.that(text, &0, &served, served == 0, false)
        }
        _ => {
            let text = "the new replica takes its share";
            says.that(text, &"some", &served, served > 0, false)
        }
    }
}

fn names(users: &std::collections::BTreeSet<usize>) -> String {
    let names: Vec<_> = users.iter().map(|user| format!("user-{}", user + 1)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Every reason why the figures of a trial may mislead.
fn doubts(trial: &Trial) -> Vec<String> {
    let series = &trial.series;
    let fault = series.fault_us.unwrap_or(u64::MAX);
    let early = series.samples.iter().filter(|one| one.ended_us < fault);
    let early = early.filter(|one| one.ended == Ended::Failed).count();
    let early = if trial.scenario.is_orderly() { 0 } else { early };
    let timed_out = series.count(|ended| ended == Ended::TimedOut);
    let kills_one = trial.scenario == Scenario::KillAReplica;
    let nobody_home = kills_one
        && trial.design == Design::Sticky
        && (trial.on_target.is_empty() || trial.on_target.len() == series.users);
    let calm = series.fault_us.is_none() || is_calm(series);
    let all = [
        (!trial.enough, "not every user got enough answers".to_owned()),
        (!calm, "requests failed, or were missing, to the end".to_owned()),
        (early > 0, format!("requests failed before the fault: {early}")),
        (timed_out > 0, format!("requests got no answer in time: {timed_out}")),
        (
            nobody_home,
            "all users, or none, were logged in at the target replica".to_owned(),
        ),
    ];
    all.into_iter().filter_map(|(applies, says)| applies.then_some(says)).collect()
}

/// Merges equal statements of several repetitions; the worst outcome applies.
#[must_use]
pub fn together(all: Vec<Statement>) -> Vec<Statement> {
    let mut merged: Vec<Statement> = Vec::new();
    for statement in all {
        let same = |known: &&mut Statement| {
            known.design == statement.design
                && known.scenario == statement.scenario
                && known.says == statement.says
        };
        match merged.iter_mut().find(same) {
            Some(known) if known.outcome < statement.outcome => *known = statement,
            Some(_) => {}
            None => merged.push(statement),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
