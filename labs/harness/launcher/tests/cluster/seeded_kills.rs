//! Kills at random moments from a seed, in all five designs, under a workload that records the
//! outcome of every operation.
//!
//! `LAB_KILLS` is the number of kills (default 10; nightly runs use 200), `LAB_SEED` the seed,
//! and `LAB_DESIGN` selects one design. A failure prints the command to repeat it, and keeps
//! the history. The same seed gives the same users, files, targets and delays, but the order of
//! replies depends on the machine.

use crate::testbed::{DESIGNS, Run, TestCluster, with_shared_cluster};
use anyhow::ensure;
use launcher::Design;
use launcher::commands::MemberAction;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};
use workload::History;
use workload::entry::OperationOutcome;

/// The default number of kills.
const KILLS: u64 = 10;
/// The default seed.
const SEED: u64 = 20_261_121;

/// The number of virtual users of each design.
const USERS: usize = 4;

/// Milliseconds from a restart to the next kill.
const BETWEEN_MS: std::ops::Range<u64> = 100..700;
/// Milliseconds from a kill to the restart.
const DOWN_MS: std::ops::Range<u64> = 0..400;

/// The settings from the environment.
#[derive(Clone, Copy)]
struct Settings {
    seed: u64,
    kills: usize,
    /// The selected design; [`None`] for all.
    design: Option<Design>,
}

/// The kills of one design. They do not depend on other designs.
struct KillPlan {
    design: Design,
    seed: u64,
    kills: usize,
    run: Run,
}

impl Settings {
    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str, default: u64| match variable(name) {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number")),
            None => default,
        };
        let named = |name: &String| {
            let known = DESIGNS.into_iter().find(|known| known.as_str() == name);
            known.unwrap_or_else(|| panic!("LAB_DESIGN is one of the five, not {name}"))
        };
        Self {
            seed: number("LAB_SEED", SEED),
            kills: number("LAB_KILLS", KILLS) as usize,
            design: variable("LAB_DESIGN").as_ref().map(named),
        }
    }

    /// The kills of a design are the same whether other designs are selected or not.
    fn plans(self) -> Vec<KillPlan> {
        let all = DESIGNS.into_iter().enumerate();
        let selected =
            all.filter(|(_, design)| self.design.is_none_or(|only| only == *design));
        selected.map(|(at, design)| self.plan(at, design)).collect()
    }

    fn plan(self, at: usize, design: Design) -> KillPlan {
        let seed = self.seed.wrapping_add(at as u64);
        // The first designs take the remainder of the division.
        let kills = (self.kills + DESIGNS.len() - 1 - at) / DESIGNS.len();
        let variables = vec![
            ("LAB_SEED", self.seed.to_string()),
            ("LAB_KILLS", self.kills.to_string()),
            ("LAB_DESIGN", design.as_str().to_owned()),
        ];
        let run = Run { test: "seeded_kills_break", seed, variables };
        KillPlan { design, seed, kills, run }
    }
}

#[test]
fn seeded_kills_break_no_invariant() -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok());
    let began = Instant::now();
    let mut failures = Vec::new();
    for plan in settings.plans() {
        let ran = with_shared_cluster(plan.design, async |fixture| {
            let history = kill_and_check(fixture, &plan).await?;
            println!("{:<10} {}", plan.design.as_str(), summary(&history));
            Ok(())
        });
        failures.extend(ran.err().map(|error| format!("{error:#}")));
    }
    println!("{} kills in {:.0} s", settings.kills, began.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// The command that a failure prints must repeat exactly the failed kills.
#[test]
fn printed_command_repeats_the_same_kills() {
    let settings = Settings { seed: 7, kills: 13, design: None };
    for plan in settings.plans() {
        let command = plan.run.command();
        let design = plan.design.as_str();
        assert_eq!(
            command,
            format!(
                "LAB_SEED=7 LAB_KILLS=13 LAB_DESIGN={design} \
                 cargo test -p launcher --test cluster seeded_kills_break"
            )
        );
        let given = |name: &str| {
            let mut words = command.split(' ');
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        let repeated = Settings::read(|name| given(name).map(str::to_owned)).plans();
        let [repeated] = repeated.as_slice() else { panic!("exactly one design") };
        assert_eq!(
            (repeated.design, repeated.seed, repeated.kills),
            (plan.design, plan.seed, plan.kills)
        );
        let header = plan.run.header(design, Vec::new());
        for (name, value) in &plan.run.variables {
            assert_eq!(header.parameters[*name], *value, "the history header has it too");
        }
    }
    let all: usize = settings.plans().iter().map(|plan| plan.kills).sum();
    assert_eq!(all, 13);
}

async fn kill_and_check(
    fixture: &TestCluster,
    plan: &KillPlan,
) -> anyhow::Result<History> {
    let trial = fixture.trial_of(plan.run.clone(), USERS);
    let workload = trial.start_workload(&fixture.cluster.url());
    trial.until_all_are_served().await;
    let targets = targets(fixture).await;
    let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
    for _ in 0..plan.kills {
        let pause = Duration::from_millis(rng.random_range(BETWEEN_MS));
        let down = Duration::from_millis(rng.random_range(DOWN_MS));
        let target = &targets[rng.random_range(0..targets.len())];
        tokio::time::sleep(pause).await;
        let fault = trial.inject(fixture, target, MemberAction::Kill).await?;
        tokio::time::sleep(down).await;
        trial.repair(fixture, fault, (target, MemberAction::Restart)).await?;
    }
    let users = trial.finish(workload).await;
    trial.check_history(fixture, &users).await
}

/// The possible targets. An id that is listed twice is killed twice as often.
async fn targets(fixture: &TestCluster) -> Vec<String> {
    let replicas = fixture.cluster.replica_ids();
    let mut targets = [replicas.clone(), replicas].concat();
    targets.push("lb".to_owned());
    for service in ["redis", "database"] {
        let is_used = service == "database" || fixture.design.needs_redis();
        if is_used && fixture.has(service).await {
            targets.push(service.to_owned());
        }
    }
    targets
}

fn summary(history: &History) -> String {
    let targets: Vec<_> =
        history.faults.iter().map(|fault| fault.target.as_str()).collect();
    let ended = |ended| history.entries.iter().filter(|one| one.outcome == ended).count();
    format!(
        "killed {}; {} operations, {} ok, {} refused, {} unknown",
        targets.join(" "),
        history.entries.len(),
        ended(OperationOutcome::Ok),
        ended(OperationOutcome::Fail),
        ended(OperationOutcome::Info),
    )
}

/// A checker that does not report the lost logins of this design would be useless.
#[test]
fn checker_detects_that_sticky_loses_logins() -> anyhow::Result<()> {
    with_shared_cluster(Design::Sticky, async |fixture| {
        let trial = fixture.trial("checker_detects_that_sticky_loses_logins", 7, USERS);
        let workload = trial.start_workload(&fixture.cluster.url());
        trial.until_all_are_served().await;
        for id in fixture.cluster.replica_ids() {
            let fault = trial.inject(fixture, &id, MemberAction::Kill).await?;
            trial.repair(fixture, fault, (&id, MemberAction::Restart)).await?;
        }
        let users = trial.finish(workload).await;
        let history = trial.check_history(fixture, &users).await?;
        let strict = workload::check(&history, &workload::Guarantees::of_central());
        let broken = strict.violated();
        ensure!(broken == [workload::Invariant::LoginsSurvive], "{broken:?}: {strict}");
        Ok(())
    })
}
