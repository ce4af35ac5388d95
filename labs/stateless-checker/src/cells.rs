//! The experiments, their repeats and their results.

use crate::expectation::Wrong;
use crate::walk::Walk;
use std::collections::BTreeMap;

/// A route of a user. Instances and steps are numbered from 0; a cut stands before the step of
/// its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Experiment {
    /// All steps from the cut on go to another instance.
    Switch { cut: usize, from: usize, to: usize },
    /// One step only goes to another instance.
    Visit { step: usize, from: usize, to: usize },
    /// The instance is restarted at the cut.
    Restart { cut: usize },
    /// All instances are down at once at the cut.
    RestartAll { cut: usize },
}

impl Experiment {
    /// The first step that differs from the control.
    const fn begins(self) -> usize {
        match self {
            Self::Switch { cut, .. }
            | Self::Restart { cut }
            | Self::RestartAll { cut } => cut,
            Self::Visit { step, .. } => step,
        }
    }
}

/// The result of an experiment.
#[derive(Clone, Debug)]
pub(crate) enum ExperimentResult<'a> {
    /// It was not run.
    Untried,
    /// Every repeat was right.
    Works,
    /// The same step failed in the same way in every repeat; this is one of them.
    Fails { step: usize, wrong: &'a Wrong, walk: &'a Walk },
    /// The repeats differ, or failed before the first step.
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

    /// Experiments with different repeats, and the difference.
    pub(crate) fn doubtful(&self) -> Vec<(Experiment, String)> {
        let differing = |experiment: &Experiment| match self.outcome(*experiment) {
            ExperimentResult::Differs(how) => Some((*experiment, how)),
            ExperimentResult::Untried
            | ExperimentResult::Works
            | ExperimentResult::Fails { .. } => None,
        };
        self.0.keys().filter_map(differing).collect()
    }

    /// The number of users.
    pub(crate) fn users(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(crate) fn experiments(&self) -> impl Iterator<Item = Experiment> {
        self.0.keys().copied()
    }
}
