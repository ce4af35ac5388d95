//! From failed experiments to findings.

use crate::cause::{AfterRestart, StateKind, Symptoms};
use crate::checker::{Checker, Options};
use crate::description::{Step, validate};
use crate::experiments::{Experiment, ExperimentResult};
use crate::needed_steps::FailedSwitch;
use crate::report::{Report, StateDependency, StepName};
use crate::restarts::{RestartAllResult, Restarted};
use crate::template;
use crate::user_run::UserRun;
use outcome::Outcome;

/// The report when a control failed: the check is inconclusive.
pub(crate) fn failed_control_report(checker: &Checker<'_>, options: Options) -> Report {
    empty_report(checker, options, Outcome::Inconclusive)
}

/// The report on all experiments.
pub(crate) fn report(
    checker: &Checker<'_>,
    options: Options,
    failed_switches: &[FailedSwitch],
    restarted: &Restarted,
) -> Report {
    let mut findings = Findings { checker, dependencies: Vec::new() };
    failed_switches.iter().for_each(|failed| findings.add_switch(failed));
    if findings.dependencies.is_empty() {
        findings.add_visits();
    }
    findings.add_restarts();
    let dependencies = findings.dependencies;
    let inconclusive_reasons = inconclusive_reasons(checker, restarted);
    let outcome = match (dependencies.is_empty(), inconclusive_reasons.is_empty()) {
        (_, _) if !checker.failed_controls.is_empty() => Outcome::Inconclusive,
        (false, _) => Outcome::Fail,
        (true, true) => Outcome::Pass,
        (true, false) => Outcome::Inconclusive,
    };
    let limits = limits(restarted);
    Report {
        findings: dependencies,
        inconclusive_reasons,
        limits,
        ..empty_report(checker, options, outcome)
    }
}

fn empty_report(checker: &Checker<'_>, options: Options, outcome: Outcome) -> Report {
    Report {
        service: checker.description.service.clone(),
        outcome,
        seed: options.seed,
        rounds: options.rounds.max(1),
        instances: checker.instances.list().iter().map(|one| one.name.clone()).collect(),
        users: checker.experiments.users(),
        findings: Vec::new(),
        inconclusive_reasons: Vec::new(),
        limits: Vec::new(),
        failed_controls: checker.failed_controls.clone(),
    }
}

struct Findings<'a> {
    checker: &'a Checker<'a>,
    dependencies: Vec<StateDependency>,
}

impl Findings<'_> {
    fn add_switch(&mut self, failed: &FailedSwitch) {
        let experiments = &self.checker.experiments;
        let Experiment::Switch { cut, .. } = failed.experiment else {
            return;
        };
        let ExperimentResult::Fails { step, mismatch, run } =
            experiments.outcome(failed.experiment)
        else {
            return;
        };
        let (after_restart, restarted) =
            match experiments.outcome(Experiment::Restart { cut }) {
                ExperimentResult::Passes => (AfterRestart::Kept, None),
                ExperimentResult::Fails { run, .. } => (AfterRestart::Lost, Some(run)),
                ExperimentResult::NotRun | ExperimentResult::Inconsistent(_) => {
                    (AfterRestart::Unknown, None)
                }
            };
        let steps = &self.checker.description.steps;
        let symptoms = Symptoms {
            mismatch,
            carries_value: failed
                .needed_steps
                .iter()
                .any(|need| sends_value_of(steps, run, *need, step)),
            finishes_later: failed
                .needed_steps
                .iter()
                .any(|need| steps[*need].finishes_later()),
            after_restart,
        };
        let kind = StateKind::of(&symptoms);
        // A job that another replica does not know is the lesser harm, so the transcript shows the
        // loss.
        let lost = restarted.filter(|_| kind == StateKind::InProcessQueue);
        self.add(kind, step, &failed.needed_steps, lost.unwrap_or(run));
    }

    /// Effects that are lost on the way to another replica and back, but not on the way there.
    fn add_visits(&mut self) {
        let experiments = &self.checker.experiments;
        for experiment in experiments.iter() {
            let Experiment::Visit { step: visited, .. } = experiment else {
                continue;
            };
            if let ExperimentResult::Fails { step, run, .. } =
                experiments.outcome(experiment)
            {
                self.add(StateKind::StaleCopy, step, &[visited], run);
            }
        }
    }

    /// Effects that other replicas see and a restart loses.
    fn add_restarts(&mut self) {
        let experiments = &self.checker.experiments;
        let mut lost_by_one = false;
        for experiment in experiments.iter() {
            let (cut, kind) = match experiment {
                Experiment::Restart { cut } => (cut, StateKind::InProcessQueue),
                Experiment::RestartAll { cut } => (cut, StateKind::SpreadMemory),
                Experiment::Switch { .. } | Experiment::Visit { .. } => continue,
            };
            let fails_elsewhere = experiments.iter().any(|other| {
                matches!(other, Experiment::Switch { cut: at, .. } if at == cut)
                    && matches!(
                        experiments.outcome(other),
                        ExperimentResult::Fails { .. }
                    )
            });
            if fails_elsewhere {
                continue;
            }
            if let ExperimentResult::Fails { step, run, .. } =
                experiments.outcome(experiment)
            {
                lost_by_one |= kind == StateKind::InProcessQueue;
                if kind == StateKind::InProcessQueue || !lost_by_one {
                    let needs = [self.lost_step(experiment, step).unwrap_or(cut - 1)];
                    self.add(kind, step, &needs, run);
                }
            }
        }
    }

    /// The step with an effect that a restart loses: the one before the first cut that loses it.
    fn lost_step(&self, experiment: Experiment, failing: usize) -> Option<usize> {
        let all = matches!(experiment, Experiment::RestartAll { .. });
        let experiments = &self.checker.experiments;
        (1..=failing).find_map(|cut| {
            let experiment = match all {
                true => Experiment::RestartAll { cut },
                false => Experiment::Restart { cut },
            };
            let fails =
                matches!(experiments.outcome(experiment), ExperimentResult::Fails { .. });
            fails.then_some(cut - 1)
        })
    }

    /// Adds a finding, or adds the step to an equal finding.
    fn add(&mut self, kind: StateKind, step: usize, needs: &[usize], run: &UserRun) {
        let name = |number: &usize| StepName {
            number: number + 1,
            name: self.checker.description.steps[*number].name.clone(),
        };
        let step = name(&step);
        let needs: Vec<_> = needs.iter().map(name).collect();
        let same = self
            .dependencies
            .iter_mut()
            .find(|known| known.kind == kind && known.needs.first() == needs.first());
        if let Some(known) = same {
            if !known.steps.contains(&step) {
                known.steps.push(step);
            }
            return;
        }
        let transcript = run.transcript.clone();
        self.dependencies.push(StateDependency::new(kind, step, needs, transcript));
    }
}

/// Whether a step sends a value that an earlier one returned: a captured value, or a cookie.
fn sends_value_of(steps: &[Step], run: &UserRun, need: usize, step: usize) -> bool {
    let texts = validate::template_texts(&steps[step]);
    let used: Vec<&str> = texts
        .iter()
        .flat_map(|text| template::placeholders(text).unwrap_or_default())
        .collect();
    let captured = steps[need].capture.keys().any(|name| used.contains(&name.as_str()));
    captured || run.cookie_steps.contains(&need)
}

/// Reasons why the experiments are not conclusive.
fn inconclusive_reasons(checker: &Checker<'_>, restarted: &Restarted) -> Vec<String> {
    let names: Vec<_> = checker.instances.list().iter().map(|one| &one.name).collect();
    let steps = &checker.description.steps;
    let message = |(experiment, how): (Experiment, String)| match experiment {
        Experiment::Switch { cut, from, to } => {
            let (before, from, to) = (&steps[cut].name, names[from], names[to]);
            format!("from {from} to {to} before {before:?}: {how}")
        }
        Experiment::Visit { step, from, to } => {
            let (only, from, to) = (&steps[step].name, names[from], names[to]);
            format!("at {from}, and only {only:?} at {to}: {how}")
        }
        Experiment::Restart { cut } => {
            format!("a restart before {:?}: {how}", steps[cut].name)
        }
        Experiment::RestartAll { cut } => {
            format!("a restart of all before {:?}: {how}", steps[cut].name)
        }
    };
    let mut inconclusive_reasons: Vec<_> =
        checker.experiments.inconclusive().into_iter().map(message).collect();
    inconclusive_reasons
        .extend(restarted.error.iter().map(|why| format!("the restart: {why}")));
    inconclusive_reasons
}

/// Experiments that were not run, and their possible findings.
fn limits(restarted: &Restarted) -> Vec<String> {
    match restarted {
        Restarted { error: Some(_), .. } => Vec::new(),
        Restarted { restarted_instance: None, .. } => vec![
            "No replica could be restarted. A queue in memory, or memory that the replicas \
             hand on to each other, would not be noticed."
                .to_owned(),
        ],
        Restarted { all_instances: RestartAllResult::NotAll, .. } => vec![
            "Not all replicas were restarted at once. Memory that they hand on to each \
             other would not be noticed."
                .to_owned(),
        ],
        Restarted { all_instances: RestartAllResult::Staggered, .. } => vec![
            "All replicas were restarted, and whether all were down at once is not known. \
             Memory that they hand on to each other may have survived: give each instance \
             stop and start instead of restart."
                .to_owned(),
        ],
        Restarted { all_instances: RestartAllResult::Simultaneous, .. } => Vec::new(),
    }
}
