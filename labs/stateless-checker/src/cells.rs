//! What was tried, how often, and what came of it each time.

use crate::expectation::Wrong;
use crate::walk::Walk;
use std::collections::BTreeMap;

/// A way to treat a user. Instances and steps are numbered from 0; a cut stands before the
/// step of its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Experiment {
    /// Everything from the cut on is asked of another instance.
    Switch { cut: usize, from: usize, to: usize },
    /// One step only is asked of another instance.
    Visit { step: usize, from: usize, to: usize },
    /// The instance is restarted at the cut.
    Restart { cut: usize },
    /// All instances are down at once at the cut.
    RestartAll { cut: usize },
}

impl Experiment {
    /// The first step that this treats otherwise than the control does.
    const fn begins(self) -> usize {
        match self {
            Self::Switch { cut, .. }
            | Self::Restart { cut }
            | Self::RestartAll { cut } => cut,
            Self::Visit { step, .. } => step,
        }
    }
}

/// What came of an experiment.
#[derive(Clone, Debug)]
pub(crate) enum ExperimentResult<'a> {
    /// It was not tried.
    Untried,
    /// Right each time.
    Works,
    /// The same step went wrong in the same way each time; this is one of the times.
    Fails { step: usize, wrong: &'a Wrong, walk: &'a Walk },
    /// Not the same each time, or wrong before anything was done.
    Differs(String),
}

/// All experiments.
#[derive(Default)]
pub(crate) struct Cells(BTreeMap<Experiment, Vec<Walk>>);

impl Cells {
    pub(crate) fn record(&mut self, experiment: Experiment, walk: Walk) {
        self.0.entry(experiment).or_default().push(walk);
    }

    pub(crate) fn outcome(&self, experiment: Experiment) -> ExperimentResult<'_> {
        let Some(walks) = self.0.get(&experiment) else {
            return ExperimentResult::Untried;
        };
        let failed: Vec<_> =
            walks.iter().filter_map(|walk| Some((walk, walk.wrong.as_ref()?))).collect();
        let Some((walk, (step, wrong))) = failed.first() else {
            return ExperimentResult::Works;
        };
        if let Some((_, (_, Wrong::NotAnswered(why)))) =
            failed.iter().find(|(_, (_, wrong))| matches!(wrong, Wrong::NotAnswered(_)))
        {
            return ExperimentResult::Differs(why.clone());
        }
        if failed.len() < walks.len() {
            let (bad, all) = (failed.len(), walks.len());
            return ExperimentResult::Differs(format!("wrong in {bad} of {all} repeats"));
        }
        let same = |(_, (at, how)): &(&Walk, &(usize, Wrong))| {
            at == step && how.resembles(wrong)
        };
        if !failed.iter().all(same) {
            return ExperimentResult::Differs(
                "wrong in another way in each repeat".to_owned(),
            );
        }
        if *step < experiment.begins() {
            return ExperimentResult::Differs(
                "wrong before anything was done".to_owned(),
            );
        }
        ExperimentResult::Fails { step: *step, wrong, walk }
    }

    /// Experiments whose repeats differ, and how.
    pub(crate) fn doubtful(&self) -> Vec<(Experiment, String)> {
        let differing = |experiment: &Experiment| match self.outcome(*experiment) {
            ExperimentResult::Differs(how) => Some((*experiment, how)),
            ExperimentResult::Untried
            | ExperimentResult::Works
            | ExperimentResult::Fails { .. } => None,
        };
        self.0.keys().filter_map(differing).collect()
    }

    /// How many users that were.
    pub(crate) fn users(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(crate) fn experiments(&self) -> impl Iterator<Item = Experiment> {
        self.0.keys().copied()
    }
}
