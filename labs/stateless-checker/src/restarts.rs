//! The same cuts with a restart: of one replica, and then of all.
//!
//! All cuts share one restart: a user is brought to each cut, the process is killed, and all
//! users go on. If these users disturb each other even without a restart, each cut gets a
//! restart of its own.

use crate::checker::Checker;
use crate::experiments::{Experiment, ExperimentResult};
use crate::user_run::UserRun;

/// The restarts that were done, or the reason why not.
#[derive(Default)]
pub(crate) struct Restarted {
    /// The restarted instance, if one can be restarted.
    pub(crate) restarted_instance: Option<usize>,
    /// Whether all were restarted, as far as that could still show something.
    pub(crate) all_instances: RestartAllResult,
    /// The error that ended the restarts.
    pub(crate) error: Option<String>,
}

/// The restart of all replicas.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RestartAllResult {
    /// Not all were restarted.
    #[default]
    NotAll,
    /// All were, and it is unknown whether all were down at the same time.
    Staggered,
    /// All were down at the same time, or that could no longer show anything.
    Simultaneous,
}

/// Restarts every restartable instance, once in each round.
pub(crate) async fn run_restarts(checker: &mut Checker<'_>, rounds: usize) -> Restarted {
    let restartable = checker.instances.restartable();
    let Some(target) = restartable.first().copied() else {
        return Restarted::default();
    };
    let mut restarted =
        Restarted { restarted_instance: Some(target), ..Restarted::default() };
    let cuts: Vec<usize> = (1..checker.description.steps.len()).collect();
    let share_restart = users_are_independent(checker, target, &cuts).await;
    let rounds = Rounds { rounds, share_restart };
    if let Err(error) = rounds.run(checker, &[target], &cuts, restart_one).await {
        restarted.error = Some(format!("{error:#}"));
        return restarted;
    }
    let open: Vec<usize> =
        cuts.into_iter().filter(|cut| still_passes(checker, *cut)).collect();
    if open.is_empty() {
        restarted.all_instances = RestartAllResult::Simultaneous;
        return restarted;
    }
    if restartable.len() < checker.instances.list().len() {
        return restarted;
    }
    let simultaneous = checker.instances.stops_all_before_start(&restartable);
    match rounds.run(checker, &restartable, &open, restart_all).await {
        Ok(()) => {
            restarted.all_instances = if simultaneous {
                RestartAllResult::Simultaneous
            } else {
                RestartAllResult::Staggered
            }
        }
        Err(error) => restarted.error = Some(format!("{error:#}")),
    }
    restarted
}

const fn restart_one(cut: usize) -> Experiment {
    Experiment::Restart { cut }
}

const fn restart_all(cut: usize) -> Experiment {
    Experiment::RestartAll { cut }
}

/// The number of restarts, and whether all cuts share one.
struct Rounds {
    rounds: usize,
    share_restart: bool,
}

impl Rounds {
    async fn run(
        &self,
        checker: &mut Checker<'_>,
        targets: &[usize],
        cuts: &[usize],
        experiment: fn(usize) -> Experiment,
    ) -> anyhow::Result<()> {
        let share = if self.share_restart { cuts.len() } else { 1 };
        for _ in 0..self.rounds {
            for cuts in cuts.chunks(share) {
                run_round(checker, targets, cuts, experiment).await?;
            }
        }
        Ok(())
    }
}

/// Whether users can wait at all cuts at once, and then go on as if each were alone.
async fn users_are_independent(
    checker: &mut Checker<'_>,
    at: usize,
    cuts: &[usize],
) -> bool {
    let steps = checker.description.steps.len();
    let mut users_are_independent = true;
    for (cut, mut run) in users_at_cuts(checker, at, cuts).await {
        checker.run_steps(&mut run, cut..steps, at).await;
        users_are_independent &= run.mismatch.is_none();
    }
    users_are_independent
}

/// A user at each cut.
async fn users_at_cuts(
    checker: &mut Checker<'_>,
    at: usize,
    cuts: &[usize],
) -> Vec<(usize, UserRun)> {
    let mut users_at_cuts: Vec<(usize, UserRun)> = Vec::new();
    for cut in order_cuts(checker, cuts) {
        let mut run = checker.new_run();
        checker.run_steps(&mut run, 0..cut, at).await;
        users_at_cuts.push((cut, run));
    }
    users_at_cuts
}

/// Whether nothing was found at this cut so far.
fn still_passes(checker: &Checker<'_>, cut: usize) -> bool {
    let fails = |experiment| {
        matches!(checker.experiments.outcome(experiment), ExperimentResult::Fails { .. })
    };
    let all = checker.experiments.iter();
    !all.into_iter().any(|experiment| match experiment {
        Experiment::Switch { cut: at, .. } | Experiment::Restart { cut: at } => {
            at == cut && fails(experiment)
        }
        Experiment::Visit { .. } | Experiment::RestartAll { .. } => false,
    })
}

async fn run_round(
    checker: &mut Checker<'_>,
    targets: &[usize],
    cuts: &[usize],
    experiment: fn(usize) -> Experiment,
) -> anyhow::Result<()> {
    let steps = checker.description.steps.len();
    let at = targets[0];
    let users_at_cuts = users_at_cuts(checker, at, cuts).await;
    checker.instances.restart(targets).await?;
    let list = checker.instances.list();
    let names: Vec<_> = targets.iter().map(|at| list[*at].name.as_str()).collect();
    let note = match names.as_slice() {
        [one] => format!("{one} is restarted"),
        several if checker.instances.stops_all_before_start(targets) => {
            format!("{} are down at once, and started again", several.join(" and "))
        }
        several => format!(
            "{} are restarted, each by its own command: whether all were down at once is \
             not known",
            several.join(" and ")
        ),
    };
    for (cut, mut run) in users_at_cuts {
        run.note(&note);
        checker.run_steps(&mut run, cut..steps, at).await;
        checker.experiments.record(experiment(cut), run);
    }
    Ok(())
}

/// The cuts, with those last that follow an accepted job: it must not be finished before the
/// restart.
fn order_cuts(checker: &Checker<'_>, cuts: &[usize]) -> Vec<usize> {
    let mut cuts = cuts.to_vec();
    let accepted = |cut: &usize| checker.description.steps[cut - 1].finishes_later();
    cuts.sort_by_key(accepted);
    cuts
}
