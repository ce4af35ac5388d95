//! The same cuts with a restart in them: of one replica, and then of all at once.
//!
//! All cuts share one restart: a user for each is brought to its cut, the process ends, and
//! all of them go on. If these users disturb each other even without a restart, each cut
//! gets one of its own.

use crate::cells::{Experiment, ExperimentResult};
use crate::check::Checker;
use crate::walk::Walk;

/// What was restarted, or why not.
#[derive(Default)]
pub(crate) struct Restarted {
    /// Which one, if any can be.
    pub(crate) one: Option<usize>,
    /// Whether all were, as far as that could still show something.
    pub(crate) all: All,
    /// Why the restarts came to an end, if they did.
    pub(crate) broke: Option<String>,
}

/// How far all replicas were restarted.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum All {
    /// Not all were.
    #[default]
    Never,
    /// All were, and nobody knows whether there was a moment at which none was up.
    Staggered,
    /// All were down at once, or that could no longer show anything.
    AtOnce,
}

/// Restarts what can be restarted, as often as there are rounds.
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
        done.all = All::AtOnce;
        return done;
    }
    if can.len() < checker.instances.list().len() {
        return done;
    }
    let at_once = checker.instances.at_once(&can);
    match rounds.run(checker, &can, &open, every).await {
        Ok(()) => done.all = if at_once { All::AtOnce } else { All::Staggered },
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

/// How often to restart, and whether all cuts share a restart.
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

/// Whether nothing has been found at a cut by now.
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
        several if checker.instances.at_once(victims) => {
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

/// The cuts, those last at which work was just accepted: it must not be done by the time
/// of the restart.
fn last_moment(checker: &Checker<'_>, cuts: &[usize]) -> Vec<usize> {
    let mut cuts = cuts.to_vec();
    let accepted = |cut: &usize| checker.description.steps[cut - 1].finishes_later();
    cuts.sort_by_key(accepted);
    cuts
}
