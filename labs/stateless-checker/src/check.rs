//! The experiments, and their order.
//!
//! Switches come before restarts: a restart resets a hidden counter, so that it differs from
//! its neighbour's, and repeats of one experiment must find the same.

use crate::blame::blame;
use crate::cells::{Cells, Experiment};
use crate::description::Description;
use crate::exchange;
use crate::findings;
use crate::instances::Instances;
use crate::report::{Refusal, Report};
use crate::restarts;
use crate::user::Users;
use crate::walk::Walk;

/// The thoroughness of a check.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Determines the users and their values.
    pub seed: u64,
    /// Repeats of each experiment, each with another user. At least 1.
    pub rounds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, rounds: 3 }
    }
}

/// Runs all experiments, and reports what their failures have in common.
pub async fn check(
    description: &Description,
    instances: &mut Instances,
    options: Options,
) -> Report {
    let users = Users::new(options.seed, description.values.clone());
    let mut checker = Checker {
        description,
        instances,
        client: exchange::client(),
        users,
        cells: Cells::default(),
        refusals: Vec::new(),
    };
    let rounds = options.rounds.max(1);
    for _ in 0..rounds {
        checker.control().await;
        if !checker.refusals.is_empty() {
            break;
        }
        checker.switches().await;
    }
    if checker.refusals.is_empty() {
        let blamed = blame(&mut checker).await;
        let restarted = restarts::all(&mut checker, rounds).await;
        checker.control().await;
        return findings::report(&checker, options, &blamed, &restarted);
    }
    findings::refused(&checker, options)
}

/// A running check.
pub(crate) struct Checker<'a> {
    pub(crate) description: &'a Description,
    pub(crate) instances: &'a mut Instances,
    client: reqwest::Client,
    users: Users,
    pub(crate) cells: Cells,
    /// Controls that failed: after one, no experiment has a meaning.
    pub(crate) refusals: Vec<Refusal>,
}

impl Checker<'_> {
    pub(crate) fn new_walk(&mut self) -> Walk {
        Walk::new(self.users.next())
    }

    /// Sends further steps to one instance.
    pub(crate) async fn go_on(
        &self,
        walk: &mut Walk,
        steps: std::ops::Range<usize>,
        at: usize,
    ) {
        for step in steps {
            let instance = &self.instances.list()[at];
            walk.step(&self.client, self.description, step, instance).await;
        }
    }

    /// All steps at one instance, for each instance. If that fails, nothing else is tried.
    async fn control(&mut self) {
        let steps = self.description.steps.len();
        for at in 0..self.instances.list().len() {
            let mut walk = self.new_walk();
            self.go_on(&mut walk, 0..steps, at).await;
            if walk.wrong.is_some() {
                let instance = self.instances.list()[at].name.clone();
                self.refusals.push(Refusal { instance, transcript: walk.transcript });
                return;
            }
        }
    }

    async fn switches(&mut self) {
        let (steps, instances) =
            (self.description.steps.len(), self.instances.list().len());
        for from in 0..instances {
            let to = (from + 1) % instances;
            for cut in 1..steps {
                let mut walk = self.new_walk();
                self.go_on(&mut walk, 0..cut, from).await;
                self.go_on(&mut walk, cut..steps, to).await;
                self.cells.record(Experiment::Switch { cut, from, to }, walk);
            }
            for step in 1..steps - 1 {
                let mut walk = self.new_walk();
                self.go_on(&mut walk, 0..step, from).await;
                self.go_on(&mut walk, step..step + 1, to).await;
                self.go_on(&mut walk, step + 1..steps, from).await;
                self.cells.record(Experiment::Visit { step, from, to }, walk);
            }
        }
    }
}
