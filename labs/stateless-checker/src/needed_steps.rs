//! Finds the earlier step that a failing one needs: the other replica gets that step too, and
//! then the failing one works there.

use crate::checker::Checker;
use crate::experiments::{Experiment, ExperimentResult};

/// A switch that fails in every repeat, and the reason.
#[derive(Clone, Debug)]
pub(crate) struct FailedSwitch {
    pub(crate) experiment: Experiment,
    /// Steps that the other replica would have had to answer as well, in order.
    pub(crate) needed_steps: Vec<usize>,
}

/// The needed steps for each cut at which a switch fails.
pub(crate) async fn find_needed_steps(checker: &mut Checker<'_>) -> Vec<FailedSwitch> {
    let experiments: Vec<_> = checker.experiments.iter().collect();
    let mut failed_switches: Vec<FailedSwitch> = Vec::new();
    let mut done = std::collections::BTreeSet::new();
    for experiment in experiments {
        let Experiment::Switch { cut, from, to } = experiment else {
            continue;
        };
        let ExperimentResult::Fails { step, .. } =
            checker.experiments.outcome(experiment)
        else {
            continue;
        };
        if done.insert(cut) {
            let needed_steps = needed_steps(checker, (from, to), cut, step).await;
            failed_switches.push(FailedSwitch { experiment, needed_steps });
        }
    }
    failed_switches
}

/// The smallest set of steps before the cut that makes the failing step work when the other
/// replica answers them again: one step, the latest possible; otherwise all from some step on.
async fn needed_steps(
    checker: &mut Checker<'_>,
    (from, to): (usize, usize),
    cut: usize,
    failing: usize,
) -> Vec<usize> {
    let alone = (0..cut).rev().map(|step| step..step + 1);
    let onwards = (0..cut).rev().skip(1).map(|step| step..cut);
    for again in alone.chain(onwards) {
        let mut run = checker.new_run();
        checker.run_steps(&mut run, 0..cut, from).await;
        for step in again.clone() {
            checker.run_steps(&mut run, step..step + 1, to).await;
            // The service may refuse the repetition; only the step after it counts.
            run.mismatch = None;
        }
        checker.run_steps(&mut run, cut..failing + 1, to).await;
        if run.mismatch.is_none() {
            return again.collect();
        }
    }
    (0..cut).collect()
}
