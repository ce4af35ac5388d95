//! The experiments, and their order.
//!
//! Switches come before restarts: a restart resets a hidden counter, so that it differs from
//! its neighbour's, and repeats of one experiment must find the same.

use crate::checker::{Checker, Options};
use crate::description::Description;
use crate::experiments::Experiment;
use crate::findings;
use crate::instances::Instances;
use crate::needed_steps::find_needed_steps;
use crate::report::{FailedControl, Report};
use crate::restarts;

/// Runs all experiments, and reports what their failures have in common.
pub async fn check(
    description: &Description,
    instances: &mut Instances,
    options: Options,
) -> Report {
    let mut checker = Checker::new(description, instances, options.seed);
    let rounds = options.rounds.max(1);
    for _ in 0..rounds {
        run_control(&mut checker).await;
        if !checker.failed_controls.is_empty() {
            break;
        }
        run_switches(&mut checker).await;
    }
    if checker.failed_controls.is_empty() {
        let failed_switches = find_needed_steps(&mut checker).await;
        let restarted = restarts::run_restarts(&mut checker, rounds).await;
        run_control(&mut checker).await;
        return findings::report(&checker, options, &failed_switches, &restarted);
    }
    findings::failed_control_report(&checker, options)
}

/// All steps at one instance, for each instance. If that fails, nothing else is tried.
async fn run_control(checker: &mut Checker<'_>) {
    let steps = checker.description.steps.len();
    for at in 0..checker.instances.list().len() {
        let mut run = checker.new_run();
        checker.run_steps(&mut run, 0..steps, at).await;
        if run.mismatch.is_some() {
            let instance = checker.instances.list()[at].name.clone();
            checker
                .failed_controls
                .push(FailedControl { instance, transcript: run.transcript });
            return;
        }
    }
}

async fn run_switches(checker: &mut Checker<'_>) {
    let (steps, instances) =
        (checker.description.steps.len(), checker.instances.list().len());
    for from in 0..instances {
        let to = (from + 1) % instances;
        for cut in 1..steps {
            let mut run = checker.new_run();
            checker.run_steps(&mut run, 0..cut, from).await;
            checker.run_steps(&mut run, cut..steps, to).await;
            checker.experiments.record(Experiment::Switch { cut, from, to }, run);
        }
        for step in 1..steps - 1 {
            let mut run = checker.new_run();
            checker.run_steps(&mut run, 0..step, from).await;
            checker.run_steps(&mut run, step..step + 1, to).await;
            checker.run_steps(&mut run, step + 1..steps, from).await;
            checker.experiments.record(Experiment::Visit { step, from, to }, run);
        }
    }
}
