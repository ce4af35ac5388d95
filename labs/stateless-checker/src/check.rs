//! The experiments, and their order.
//!
//! Switches come before restarts: a restart resets a hidden counter, so that it differs from
//! its neighbour's, and repeats of one experiment must find the same.

use crate::description::Description;
use crate::exchange;
use crate::experiments::{Experiment, Experiments};
use crate::findings;
use crate::instances::Instances;
use crate::needed_steps::find_needed_steps;
use crate::report::{FailedControl, Report};
use crate::restarts;
use crate::user::Users;
use crate::user_run::UserRun;

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
        experiments: Experiments::default(),
        failed_controls: Vec::new(),
    };
    let rounds = options.rounds.max(1);
    for _ in 0..rounds {
        checker.run_control().await;
        if !checker.failed_controls.is_empty() {
            break;
        }
        checker.run_switches().await;
    }
    if checker.failed_controls.is_empty() {
        let failed_switches = find_needed_steps(&mut checker).await;
        let restarted = restarts::run_restarts(&mut checker, rounds).await;
        checker.run_control().await;
        return findings::report(&checker, options, &failed_switches, &restarted);
    }
    findings::failed_control_report(&checker, options)
}

/// A running check.
pub(crate) struct Checker<'a> {
    pub(crate) description: &'a Description,
    pub(crate) instances: &'a mut Instances,
    client: reqwest::Client,
    users: Users,
    pub(crate) experiments: Experiments,
    /// Controls that failed: after one, no experiment has a meaning.
    pub(crate) failed_controls: Vec<FailedControl>,
}

impl Checker<'_> {
    pub(crate) fn new_run(&mut self) -> UserRun {
        UserRun::new(self.users.next())
    }

    /// Sends further steps to one instance.
    pub(crate) async fn run_steps(
        &self,
        run: &mut UserRun,
        steps: std::ops::Range<usize>,
        at: usize,
    ) {
        for step in steps {
            let instance = &self.instances.list()[at];
            run.step(&self.client, self.description, step, instance).await;
        }
    }

    /// All steps at one instance, for each instance. If that fails, nothing else is tried.
    async fn run_control(&mut self) {
        let steps = self.description.steps.len();
        for at in 0..self.instances.list().len() {
            let mut run = self.new_run();
            self.run_steps(&mut run, 0..steps, at).await;
            if run.mismatch.is_some() {
                let instance = self.instances.list()[at].name.clone();
                self.failed_controls
                    .push(FailedControl { instance, transcript: run.transcript });
                return;
            }
        }
    }

    async fn run_switches(&mut self) {
        let (steps, instances) =
            (self.description.steps.len(), self.instances.list().len());
        for from in 0..instances {
            let to = (from + 1) % instances;
            for cut in 1..steps {
                let mut run = self.new_run();
                self.run_steps(&mut run, 0..cut, from).await;
                self.run_steps(&mut run, cut..steps, to).await;
                self.experiments.record(Experiment::Switch { cut, from, to }, run);
            }
            for step in 1..steps - 1 {
                let mut run = self.new_run();
                self.run_steps(&mut run, 0..step, from).await;
                self.run_steps(&mut run, step..step + 1, to).await;
                self.run_steps(&mut run, step + 1..steps, from).await;
                self.experiments.record(Experiment::Visit { step, from, to }, run);
            }
        }
    }
}
