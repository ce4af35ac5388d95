//! What the concepts say of each design, held against what was seen.
//!
//! No statement depends on how long something took. What a slow machine can be the reason
//! for makes "inconclusive"; what no slowness explains makes "does not hold".

use crate::contender::Contender;
use crate::recovery::is_calm;
use crate::scenario::Scenario;
use crate::series::Ended;
use crate::trial::Trial;
use outcome::Outcome;
use serde::Serialize;

mod designs;
mod revoked;

pub use designs::of_design;

/// One statement about one design, with the figure that it stands or falls by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// Which design.
    pub design: Contender,
    /// In which scenario; absent for what holds in all of them.
    pub scenario: Option<Scenario>,
    /// What is said.
    #[serde(rename = "title")]
    pub says: String,
    /// What it takes.
    pub expected: String,
    /// What was seen.
    pub measured: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// Why that could not be told.
    pub doubts: Vec<String>,
}

/// A statement in the making.
struct Says<'a> {
    trial: &'a Trial,
    doubts: Vec<String>,
}

impl Says<'_> {
    /// `inexcusable`: no slowness of a machine explains it if it does not hold.
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
            design: self.trial.contender,
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

/// What a trial shows.
#[must_use]
pub fn of_trial(trial: &Trial) -> Vec<Statement> {
    let says = Says { trial, doubts: doubts(trial) };
    let mut statements = vec![logins(&says)];
    if trial.scenario.is_orderly() {
        // No answer in ten seconds is none: a design that hangs must not get away with it.
        let failed = trial.series.count(Ended::is_error);
        let text = "no request fails";
        statements.push(says.that(text, &0, &failed, failed == 0, true));
    }
    if trial.scenario == Scenario::ScaleOut {
        statements.push(newcomer(&says));
    }
    statements.extend(revoked::statements(trial));
    statements
}

/// Who had to log in again.
fn logins(says: &Says<'_>) -> Statement {
    let trial = says.trial;
    let lost = trial.series.count(|ended| ended == Ended::LoginLost);
    let out = trial.series.logged_out();
    let everybody = trial.series.users;
    match (trial.contender, trial.scenario) {
        (Contender::Memory, Scenario::KillReplicasInTurn) => {
            all_out("every user is logged out", says, out.len(), everybody)
        }
        (Contender::Memory, _) => {
            let text = "logins are lost, as they are without a fault, too";
            says.that(text, &"some", &lost, lost > 0, false)
        }
        (Contender::Sticky, Scenario::KillAReplica) => {
            let text = "exactly those are logged out whose replica was killed";
            let holds = out == trial.at_home;
            says.that(text, &names(&trial.at_home), &names(&out), holds, false)
        }
        (Contender::Sticky, Scenario::KillReplicasInTurn | Scenario::RollingRestart) => {
            all_out("every user is logged out", says, out.len(), everybody)
        }
        (Contender::Replicated, Scenario::KillReplicasInTurn) => {
            let text = "with the last replica every user is logged out";
            all_out(text, says, out.len(), everybody)
        }
        (contender, _) => {
            let inexcusable = contender.outlives_replicas();
            says.that("no login is lost", &0, &lost, lost == 0, inexcusable)
        }
    }
}

fn all_out(text: &str, says: &Says<'_>, out: usize, everybody: usize) -> Statement {
    says.that(text, &everybody, &out, out == everybody, false)
}

fn newcomer(says: &Says<'_>) -> Statement {
    let newcomer = says.trial.newcomer.as_deref();
    let since = says.trial.series.samples.iter();
    let served = since.filter(|one| one.served_by.as_deref() == newcomer).count();
    match says.trial.contender {
        Contender::Sticky => {
            let text = "users who are known stay where they are known";
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
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// Every reason why the figures of a trial need not mean what they seem to.
fn doubts(trial: &Trial) -> Vec<String> {
    let series = &trial.series;
    let fault = series.fault_us.unwrap_or(u64::MAX);
    let early = series.samples.iter().filter(|one| one.ended_us < fault);
    let early = early.filter(|one| one.ended == Ended::Failed).count();
    let early = if trial.scenario.is_orderly() { 0 } else { early };
    let timed_out = series.count(|ended| ended == Ended::TimedOut);
    let kills_one = trial.scenario == Scenario::KillAReplica;
    let nobody_home = kills_one
        && trial.contender == Contender::Sticky
        && (trial.at_home.is_empty() || trial.at_home.len() == series.users);
    let calm = series.fault_us.is_none() || is_calm(series);
    let all = [
        (!trial.enough, "not every user got enough answers".to_owned()),
        (!calm, "requests failed, or were missing, to the end".to_owned()),
        (early > 0, format!("requests failed while nothing was wrong: {early}")),
        (timed_out > 0, format!("requests got no answer in time: {timed_out}")),
        (
            nobody_home,
            "all users, or none, were logged in at the target replica".to_owned(),
        ),
    ];
    all.into_iter().filter_map(|(applies, says)| applies.then_some(says)).collect()
}

/// Puts the same statements of several repetitions together: the worst one stands.
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
