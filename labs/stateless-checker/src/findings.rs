//! From failed experiments to findings.

use crate::blame::Blamed;
use crate::cause::{AfterRestart, Kind, Symptoms};
use crate::cells::{Experiment, ExperimentResult};
use crate::check::{Checker, Options};
use crate::description::{Step, validate};
use crate::report::{Report, StateDependency, StepName};
use crate::restarts::{All, Restarted};
use crate::template;
use crate::walk::Walk;
use outcome::Outcome;

/// The report when a control failed: the check is inconclusive.
pub(crate) fn refused(checker: &Checker<'_>, options: Options) -> Report {
    empty(checker, options, Outcome::Inconclusive)
}

/// The report on all experiments.
pub(crate) fn report(
    checker: &Checker<'_>,
    options: Options,
    blamed: &[Blamed],
    restarted: &Restarted,
) -> Report {
    let mut findings = Findings { checker, found: Vec::new() };
    blamed.iter().for_each(|blamed| findings.of_switch(blamed));
    if findings.found.is_empty() {
        findings.of_visits();
    }
    findings.of_restarts();
    let found = findings.found;
    let doubts = doubts(checker, restarted);
    let outcome = match (found.is_empty(), doubts.is_empty()) {
        (_, _) if !checker.refusals.is_empty() => Outcome::Inconclusive,
        (false, _) => Outcome::Fail,
        (true, true) => Outcome::Pass,
        (true, false) => Outcome::Inconclusive,
    };
    let limits = limits(restarted);
    Report { findings: found, doubts, limits, ..empty(checker, options, outcome) }
}

fn empty(checker: &Checker<'_>, options: Options, outcome: Outcome) -> Report {
    Report {
        service: checker.description.service.clone(),
        outcome,
        seed: options.seed,
        rounds: options.rounds.max(1),
        instances: checker.instances.list().iter().map(|one| one.name.clone()).collect(),
        users: checker.cells.users(),
        findings: Vec::new(),
        doubts: Vec::new(),
        limits: Vec::new(),
        refusals: checker.refusals.clone(),
    }
}

struct Findings<'a> {
    checker: &'a Checker<'a>,
    found: Vec<StateDependency>,
}

impl Findings<'_> {
    fn of_switch(&mut self, blamed: &Blamed) {
        let cells = &self.checker.cells;
        let Experiment::Switch { cut, .. } = blamed.experiment else {
            return;
        };
        let ExperimentResult::Fails { step, wrong, walk } =
            cells.outcome(blamed.experiment)
        else {
            return;
        };
        let (restart, restarted) = match cells.outcome(Experiment::Restart { cut }) {
            ExperimentResult::Works => (AfterRestart::Kept, None),
            ExperimentResult::Fails { walk, .. } => (AfterRestart::Lost, Some(walk)),
            ExperimentResult::Untried | ExperimentResult::Differs(_) => {
                (AfterRestart::NotKnown, None)
            }
        };
        let steps = &self.checker.description.steps;
        let symptoms = Symptoms {
            wrong,
            carries: blamed.needs.iter().any(|need| carries(steps, walk, *need, step)),
            later: blamed.needs.iter().any(|need| steps[*need].finishes_later()),
            restart,
        };
        let kind = Kind::of(&symptoms);
        // A job that another replica does not know is the lesser harm, so the transcript shows the
        // loss.
        let lost = restarted.filter(|_| kind == Kind::InProcessQueue);
        self.add(kind, step, &blamed.needs, lost.unwrap_or(walk));
    }

    /// Effects that are lost on the way to another replica and back, but not on the way there.
    fn of_visits(&mut self) {
        let cells = &self.checker.cells;
        for experiment in cells.experiments() {
            let Experiment::Visit { step: visited, .. } = experiment else {
                continue;
            };
            if let ExperimentResult::Fails { step, walk, .. } = cells.outcome(experiment)
            {
                self.add(Kind::StaleCopy, step, &[visited], walk);
            }
        }
    }

    /// Effects that other replicas see and a restart loses.
    fn of_restarts(&mut self) {
        let cells = &self.checker.cells;
        let mut lost_by_one = false;
        for experiment in cells.experiments() {
            let (cut, kind) = match experiment {
                Experiment::Restart { cut } => (cut, Kind::InProcessQueue),
                Experiment::RestartAll { cut } => (cut, Kind::SpreadMemory),
                Experiment::Switch { .. } | Experiment::Visit { .. } => continue,
            };
            let fails_elsewhere = cells.experiments().any(|other| {
                matches!(other, Experiment::Switch { cut: at, .. } if at == cut)
                    && matches!(cells.outcome(other), ExperimentResult::Fails { .. })
            });
            if fails_elsewhere {
                continue;
            }
            if let ExperimentResult::Fails { step, walk, .. } = cells.outcome(experiment)
            {
                lost_by_one |= kind == Kind::InProcessQueue;
                if kind == Kind::InProcessQueue || !lost_by_one {
                    let needs = [self.lost(experiment, step).unwrap_or(cut - 1)];
                    self.add(kind, step, &needs, walk);
                }
            }
        }
    }

    /// The step with an effect that a restart loses: the one before the first cut that loses it.
    fn lost(&self, experiment: Experiment, failing: usize) -> Option<usize> {
        let all = matches!(experiment, Experiment::RestartAll { .. });
        let cells = &self.checker.cells;
        (1..=failing).find_map(|cut| {
            let experiment = match all {
                true => Experiment::RestartAll { cut },
                false => Experiment::Restart { cut },
            };
            let fails =
                matches!(cells.outcome(experiment), ExperimentResult::Fails { .. });
            fails.then_some(cut - 1)
        })
    }

    /// Adds a finding, or adds the step to an equal finding.
    fn add(&mut self, kind: Kind, step: usize, needs: &[usize], walk: &Walk) {
        let name = |number: &usize| StepName {
            number: number + 1,
            name: self.checker.description.steps[*number].name.clone(),
        };
        let step = name(&step);
        let needs: Vec<_> = needs.iter().map(name).collect();
        let same = self
            .found
            .iter_mut()
            .find(|known| known.kind == kind && known.needs.first() == needs.first());
        if let Some(known) = same {
            if !known.steps.contains(&step) {
                known.steps.push(step);
            }
            return;
        }
        let transcript = walk.transcript.clone();
        self.found.push(StateDependency::new(kind, step, needs, transcript));
    }
}

/// Whether a step sends a value that an earlier one returned: a captured value, or a cookie.
fn carries(steps: &[Step], walk: &Walk, need: usize, step: usize) -> bool {
    let texts = validate::texts(&steps[step]);
    let used: Vec<&str> =
        texts.iter().flat_map(|text| template::names(text).unwrap_or_default()).collect();
    let captured = steps[need].capture.keys().any(|name| used.contains(&name.as_str()));
    captured || walk.gave_cookies.contains(&need)
}

/// Reasons why the experiments are not conclusive.
fn doubts(checker: &Checker<'_>, restarted: &Restarted) -> Vec<String> {
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
    let mut doubts: Vec<_> = checker.cells.doubtful().into_iter().map(message).collect();
    doubts.extend(restarted.broke.iter().map(|why| format!("the restart: {why}")));
    doubts
}

/// Experiments that were not run, and their possible findings.
fn limits(restarted: &Restarted) -> Vec<String> {
    match restarted {
        Restarted { broke: Some(_), .. } => Vec::new(),
        Restarted { one: None, .. } => vec![
            "No replica could be restarted. A queue in memory, or memory that the replicas \
             hand on to each other, would not be noticed."
                .to_owned(),
        ],
        Restarted { all: All::Never, .. } => vec![
            "Not all replicas were restarted at once. Memory that they hand on to each \
             other would not be noticed."
                .to_owned(),
        ],
        Restarted { all: All::Staggered, .. } => vec![
            "All replicas were restarted, and whether all were down at once is not known. \
             Memory that they hand on to each other may have survived: give each instance \
             stop and start instead of restart."
                .to_owned(),
        ],
        Restarted { all: All::Together, .. } => Vec::new(),
    }
}
