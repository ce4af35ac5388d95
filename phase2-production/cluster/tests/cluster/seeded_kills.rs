//! Kills at random moments, from a seed, over the five designs, with a crowd that writes
//! down how every operation ended.
//!
//! `LAB_KILLS` says how many (10; nightly runs take 200), `LAB_SEED` from which seed, and
//! `LAB_DESIGN` that one design is enough. A failure prints the command to run it again,
//! and keeps the history. The same seed gives the same people, files, victims and pauses; in
//! which order the answers come is up to the machine.

use crate::stage::{DESIGNS, Run, Scene, on_stage};
use anyhow::ensure;
use cluster::Design;
use cluster::orders::Order;
use ledger::History;
use ledger::entry::Ended;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

const KILLS: u64 = 10;
const SEED: u64 = 20_261_121;

/// People in the crowd of each design.
const CROWD: usize = 4;

/// Milliseconds from one mending to the next kill, and from a kill to its mending.
const BETWEEN_MS: std::ops::Range<u64> = 100..700;
const DOWN_MS: std::ops::Range<u64> = 0..400;

/// What somebody has asked for.
#[derive(Clone, Copy)]
struct Asked {
    seed: u64,
    kills: usize,
    /// All of them, unless one is named.
    design: Option<Design>,
}

/// The kills of one design, which depend on nothing else.
struct Part {
    design: Design,
    seed: u64,
    kills: usize,
    run: Run,
}

impl Asked {
    fn by(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str, otherwise: u64| match variable(name) {
            Some(text) => text.parse().unwrap_or_else(|_| panic!("{name} is a number")),
            None => otherwise,
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

    /// What a design gets does not depend on whether the others are asked for as well.
    fn parts(self) -> Vec<Part> {
        let all = DESIGNS.into_iter().enumerate();
        let asked =
            all.filter(|(_, design)| self.design.is_none_or(|only| only == *design));
        asked.map(|(at, design)| self.part(at, design)).collect()
    }

    fn part(self, at: usize, design: Design) -> Part {
        let seed = self.seed.wrapping_add(at as u64);
        // The first designs take what does not divide.
        let kills = (self.kills + DESIGNS.len() - 1 - at) / DESIGNS.len();
        let variables = vec![
            ("LAB_SEED", self.seed.to_string()),
            ("LAB_KILLS", self.kills.to_string()),
            ("LAB_DESIGN", design.as_str().to_owned()),
        ];
        let run = Run { test: "seeded_kills_leave", seed, variables };
        Part { design, seed, kills, run }
    }
}

#[test]
fn seeded_kills_leave_every_invariant_standing() -> anyhow::Result<()> {
    let asked = Asked::by(|name| std::env::var(name).ok());
    let began = Instant::now();
    let mut failures = Vec::new();
    for part in asked.parts() {
        let ran = on_stage(part.design, async |scene| {
            let history = kill_and_judge(scene, &part).await?;
            println!("{:<10} {}", part.design.as_str(), told(&history));
            Ok(())
        });
        failures.extend(ran.err().map(|error| format!("{error:#}")));
    }
    println!("{} kills in {:.0} s", asked.kills, began.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// The command that a failure prints must do again what failed, and not something else.
#[test]
fn the_printed_command_does_the_same_kills_again() {
    let asked = Asked { seed: 7, kills: 13, design: None };
    for part in asked.parts() {
        let command = part.run.command();
        let design = part.design.as_str();
        assert_eq!(
            command,
            format!(
                "LAB_SEED=7 LAB_KILLS=13 LAB_DESIGN={design} \
                 cargo test -p cluster --test cluster seeded_kills_leave"
            )
        );
        let given = |name: &str| {
            let mut words = command.split(' ');
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        let again = Asked::by(|name| given(name).map(str::to_owned)).parts();
        let [again] = again.as_slice() else { panic!("{design} alone") };
        assert_eq!(
            (again.design, again.seed, again.kills),
            (part.design, part.seed, part.kills)
        );
        let header = part.run.header(design, Vec::new());
        for (name, value) in &part.run.variables {
            assert_eq!(header.parameters[*name], *value, "it is in the history, too");
        }
    }
    let all: usize = asked.parts().iter().map(|part| part.kills).sum();
    assert_eq!(all, 13);
}

async fn kill_and_judge(scene: &Scene, part: &Part) -> anyhow::Result<History> {
    let trial = scene.trial_of(part.run.clone(), CROWD);
    let crowd = trial.crowd(&scene.cluster.url());
    trial.until_all_are_served().await;
    let victims = victims(scene).await;
    let mut dice = ChaCha8Rng::seed_from_u64(part.seed);
    for _ in 0..part.kills {
        let pause = Duration::from_millis(dice.random_range(BETWEEN_MS));
        let down = Duration::from_millis(dice.random_range(DOWN_MS));
        let victim = &victims[dice.random_range(0..victims.len())];
        tokio::time::sleep(pause).await;
        let fault = trial.strike(scene, victim, Order::Kill).await?;
        tokio::time::sleep(down).await;
        trial.mend(scene, fault, (victim, Order::Restart)).await?;
    }
    let left = trial.finish(crowd).await;
    trial.judge(scene, &left).await
}

/// Who may be killed: a name that comes twice is killed twice as often.
async fn victims(scene: &Scene) -> Vec<String> {
    let replicas = scene.cluster.replica_ids();
    let mut victims = [replicas.clone(), replicas].concat();
    victims.push("lb".to_owned());
    for service in ["redis", "database"] {
        let asked = service == "database" || scene.design.needs_redis();
        if asked && scene.has(service).await {
            victims.push(service.to_owned());
        }
    }
    victims
}

fn told(history: &History) -> String {
    let victims: Vec<_> =
        history.faults.iter().map(|fault| fault.victim.as_str()).collect();
    let ended = |ended| history.entries.iter().filter(|one| one.ended == ended).count();
    format!(
        "killed {}; {} operations, {} ok, {} refused, {} unknown",
        victims.join(" "),
        history.entries.len(),
        ended(Ended::Ok),
        ended(Ended::Fail),
        ended(Ended::Unknown),
    )
}

/// A design that loses logins must be seen to lose them, or the checker sees nothing.
#[test]
fn the_same_ledger_sees_that_memory_loses_logins() -> anyhow::Result<()> {
    on_stage(Design::Sticky, async |scene| {
        let trial =
            scene.trial("the_same_ledger_sees_that_memory_loses_logins", 7, CROWD);
        let crowd = trial.crowd(&scene.cluster.url());
        trial.until_all_are_served().await;
        for id in scene.cluster.replica_ids() {
            let fault = trial.strike(scene, &id, Order::Kill).await?;
            trial.mend(scene, fault, (&id, Order::Restart)).await?;
        }
        let left = trial.finish(crowd).await;
        let history = trial.judge(scene, &left).await?;
        let strict = ledger::check(&history, &ledger::Promises::of_central());
        let broken = strict.broken();
        ensure!(broken == [ledger::Invariant::Logins], "{broken:?}: {strict}");
        Ok(())
    })
}
