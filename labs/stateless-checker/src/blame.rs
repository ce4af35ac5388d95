//! Finds the earlier step that a failing one needs: the other replica gets that step too, and
//! then the failing one works there.

use crate::cells::{Experiment, ExperimentResult};
use crate::check::Checker;

/// A switch that fails in every repeat, and the reason.
#[derive(Clone, Debug)]
pub(crate) struct Blamed {
    pub(crate) experiment: Experiment,
    /// Steps that the other replica would have had to answer as well, in order.
    pub(crate) needs: Vec<usize>,
}

/// The needed steps for each cut at which a switch fails.
pub(crate) async fn blame(checker: &mut Checker<'_>) -> Vec<Blamed> {
    let experiments: Vec<_> = checker.cells.experiments().collect();
    let mut blamed: Vec<Blamed> = Vec::new();
    let mut done = std::collections::BTreeSet::new();
    for experiment in experiments {
        let Experiment::Switch { cut, from, to } = experiment else {
            continue;
        };
        let ExperimentResult::Fails { step, .. } = checker.cells.outcome(experiment)
        else {
            continue;
        };
        if done.insert(cut) {
            let needs = needs(checker, (from, to), cut, step).await;
            blamed.push(Blamed { experiment, needs });
        }
    }
    blamed
}

/// The smallest set of steps before the cut that makes the failing step work when the other
/// replica answers them again: one step, the latest possible; otherwise all from some step on.
async fn needs(
    checker: &mut Checker<'_>,
    (from, to): (usize, usize),
    cut: usize,
    failing: usize,
) -> Vec<usize> {
    let alone = (0..cut).rev().map(|step| step..step + 1);
    let onwards = (0..cut).rev().skip(1).map(|step| step..cut);
    for again in alone.chain(onwards) {
        let mut walk = checker.new_walk();
        checker.go_on(&mut walk, 0..cut, from).await;
        for step in again.clone() {
            checker.go_on(&mut walk, step..step + 1, to).await;
            // The service may refuse the repetition; only the step after it counts.
            walk.wrong = None;
        }
        checker.go_on(&mut walk, cut..failing + 1, to).await;
        if walk.wrong.is_none() {
            return again.collect();
        }
    }
    (0..cut).collect()
}
