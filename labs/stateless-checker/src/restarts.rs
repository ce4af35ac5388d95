//! The same cuts with a restart: of one replica, and then of all.
//!
//! All cuts share one restart: a user is brought to each cut, the process is killed, and all
//! users go on. If these users disturb each other even without a restart, each cut gets a
//! restart of its own.

use crate::cells::{Experiment, ExperimentResult};
use crate::check::Checker;
use crate::walk::Walk;

/// The restarts that were done, or the reason why not.
#[derive(Default)]
pub(crate) struct Restarted {
    /// The restarted instance, if one can be restarted.
    pub(crate) one: Option<usize>,
    /// Whether all were restarted, as far as that could still show something.
    pub(crate) all: All,
    /// The error that ended the restarts.
    pub(crate) broke: Option<String>,
}

/// The restart of all replicas.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum All {
    /// Not all were restarted.
    #[default]
    Never,
    /// All were, and it is unknown whether all were down at the same time.
    Staggered,
    /// All were down at the same time, or that could no longer show anything.
    Together,
}

/// Restarts every restartable instance, once in each round.
pub(crate) async fn all(checker: &mut Checker<'_>, rounds: usize) -> Restarted {
    let can = checker.instances.restartable();
    let Some(victim) = can.first().copied() else {
        return Restarted::default();
    };
    let mut done = Restarted { one: Some(victim), ..Restarted::default() };
    let cuts: Vec<usize> = (1..checker.description.steps.len()).collect();
    let together = undisturbed(checker, victim, &cuts).await;
    let rounds = Rounds { rounds, together };
    if let Err(error) = rounds.run(checker, &[victim], &cuts, one).await {
        done.broke = Some(format!("{error:#}"));
        return done;
    }
    let open: Vec<usize> = cuts.into_iter().filter(|cut| stands(checker, *cut)).collect();
    if open.is_empty() {
        done.all = All::Together;
        return done;
    }
    if can.len() < checker.instances.list().len() {
        return done;
    }
    let all_down_together = checker.instances.all_down_together(&can);
    match rounds.run(checker, &can, &open, every).await {
        Ok(()) => {
            done.all = if all_down_together { All::Together } else { All::Staggered }
        }
        Err(error) => done.broke = Some(format!("{error:#}")),
    }
    done
}

const fn one(cut: usize) -> Experiment {
    Experiment::Restart { cut }
}

const fn every(cut: usize) -> Experiment {
    Experiment::RestartAll { cut }
}

/// The number of restarts, and whether all cuts share one.
struct Rounds {
    rounds: usize,
    together: bool,
}

impl Rounds {
    async fn run(
        &self,
        checker: &mut Checker<'_>,
        victims: &[usize],
        cuts: &[usize],
        experiment: fn(usize) -> Experiment,
    ) -> anyhow::Result<()> {
        let share = if self.together { cuts.len() } else { 1 };
        for _ in 0..self.rounds {
            for cuts in cuts.chunks(share) {
                round(checker, victims, cuts, experiment).await?;
            }
        }
        Ok(())
    }
}

/// Whether users can wait at all cuts at once, and then go on as if each were alone.
async fn undisturbed(checker: &mut Checker<'_>, at: usize, cuts: &[usize]) -> bool {
    let steps = checker.description.steps.len();
    let mut undisturbed = true;
    for (cut, mut walk) in waiting(checker, at, cuts).await {
        checker.go_on(&mut walk, cut..steps, at).await;
        undisturbed &= walk.wrong.is_none();
    }
    undisturbed
}

/// A user at each cut.
async fn waiting(
    checker: &mut Checker<'_>,
    at: usize,
    cuts: &[usize],
) -> Vec<(usize, Walk)> {
    let mut waiting: Vec<(usize, Walk)> = Vec::new();
    for cut in last_moment(checker, cuts) {
        let mut walk = checker.new_walk();
        checker.go_on(&mut walk, 0..cut, at).await;
        waiting.push((cut, walk));
    }
    waiting
}

/// Whether nothing was found at this cut so far.
fn stands(checker: &Checker<'_>, cut: usize) -> bool {
    let fails = |experiment| {
        matches!(checker.cells.outcome(experiment), ExperimentResult::Fails { .. })
    };
    let all = checker.cells.experiments();
    !all.into_iter().any(|experiment| match experiment {
        Experiment::Switch { cut: at, .. } | Experiment::Restart { cut: at } => {
            at == cut && fails(experiment)
        }
        Experiment::Visit { .. } | Experiment::RestartAll { .. } => false,
    })
}

async fn round(
    checker: &mut Checker<'_>,
    victims: &[usize],
    cuts: &[usize],
    experiment: fn(usize) -> Experiment,
) -> anyhow::Result<()> {
    let steps = checker.description.steps.len();
    let at = victims[0];
    let waiting = waiting(checker, at, cuts).await;
    checker.instances.restart(victims).await?;
    let list = checker.instances.list();
    let names: Vec<_> = victims.iter().map(|at| list[*at].name.as_str()).collect();
    let note = match names.as_slice() {
        [one] => format!("{one} is restarted"),
        several if checker.instances.all_down_together(victims) => {
            format!("{} are down at once, and started again", several.join(" and "))
        }
        several => format!(
            "{} are restarted, each by its own command: whether all were down at once is \
             not known",
            several.join(" and ")
        ),
    };
    for (cut, mut walk) in waiting {
        walk.note(&note);
        checker.go_on(&mut walk, cut..steps, at).await;
        checker.cells.record(experiment(cut), walk);
    }
    Ok(())
}

/// The cuts, with those last that follow an accepted job: it must not be finished before the
/// restart.
fn last_moment(checker: &Checker<'_>, cuts: &[usize]) -> Vec<usize> {
    let mut cuts = cuts.to_vec();
    let accepted = |cut: &usize| checker.description.steps[cut - 1].finishes_later();
    cuts.sort_by_key(accepted);
    cuts
}
