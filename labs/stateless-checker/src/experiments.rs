//! The experiments, their repeats and their results.

use crate::expectation::Mismatch;
use crate::user_run::UserRun;
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
    const fn first_differing_step(self) -> usize {
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
    NotRun,
    /// Every repeat was right.
    Passes,
    /// The same step failed in the same way in every repeat; this is one of them.
    Fails { step: usize, mismatch: &'a Mismatch, run: &'a UserRun },
    /// The repeats differ, or failed before the first step.
    Inconsistent(String),
}

/// All experiments.
#[derive(Default)]
pub(crate) struct Experiments(BTreeMap<Experiment, Vec<UserRun>>);

impl Experiments {
    pub(crate) fn record(&mut self, experiment: Experiment, run: UserRun) {
        self.0.entry(experiment).or_default().push(run);
    }

    pub(crate) fn outcome(&self, experiment: Experiment) -> ExperimentResult<'_> {
        let Some(runs) = self.0.get(&experiment) else {
            return ExperimentResult::NotRun;
        };
        let failed: Vec<_> =
            runs.iter().filter_map(|run| Some((run, run.mismatch.as_ref()?))).collect();
        let Some((run, (step, mismatch))) = failed.first() else {
            return ExperimentResult::Passes;
        };
        if let Some((_, (_, Mismatch::NoAnswer(why)))) = failed
            .iter()
            .find(|(_, (_, mismatch))| matches!(mismatch, Mismatch::NoAnswer(_)))
        {
            return ExperimentResult::Inconsistent(why.clone());
        }
        if failed.len() < runs.len() {
            let (bad, all) = (failed.len(), runs.len());
            return ExperimentResult::Inconsistent(format!(
                "wrong in {bad} of {all} repeats"
            ));
        }
        let same = |(_, (at, how)): &(&UserRun, &(usize, Mismatch))| {
            at == step && how.resembles(mismatch)
        };
        if !failed.iter().all(same) {
            return ExperimentResult::Inconsistent(
                "wrong in another way in each repeat".to_owned(),
            );
        }
        if *step < experiment.first_differing_step() {
            return ExperimentResult::Inconsistent(
                "wrong before anything was done".to_owned(),
            );
        }
        ExperimentResult::Fails { step: *step, mismatch, run }
    }

    /// Experiments with different repeats, and the difference.
    pub(crate) fn inconclusive(&self) -> Vec<(Experiment, String)> {
        let differing = |experiment: &Experiment| match self.outcome(*experiment) {
            ExperimentResult::Inconsistent(how) => Some((*experiment, how)),
            ExperimentResult::NotRun
            | ExperimentResult::Passes
            | ExperimentResult::Fails { .. } => None,
        };
        self.0.keys().filter_map(differing).collect()
    }

    /// The number of users.
    pub(crate) fn users(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Experiment> {
        self.0.keys().copied()
    }
}
