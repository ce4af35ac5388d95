//! Kills at random moments, from a seed, over the five designs, with a crowd that writes
//! down how every operation ended.
//!
//! `LAB_KILLS` says how many (10; nightly runs take 200) and `LAB_SEED` from which seed. A
//! failure prints the seed and the command to run it again, and keeps the history. The same
//! seed gives the same people, files, victims and pauses; in which order the answers come
//! is up to the machine.

use crate::stage::{DESIGNS, Scene, on_stage};
use cluster::Design;
use cluster::orders::Order;
use ledger::History;
use ledger::entry::Ended;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

const KILLS: usize = 10;
const SEED: u64 = 20_261_121;

/// People in the crowd of each design.
const CROWD: usize = 4;

/// Milliseconds from one mending to the next kill, and from a kill to its mending.
const BETWEEN_MS: std::ops::Range<u64> = 100..700;
const DOWN_MS: std::ops::Range<u64> = 0..400;

fn number(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is a number")),
        Err(_) => otherwise,
    }
}

#[test]
fn seeded_kills_leave_every_invariant_standing() -> anyhow::Result<()> {
    let (kills, seed) = (number("LAB_KILLS", KILLS as u64), number("LAB_SEED", SEED));
    let began = Instant::now();
    let mut failures = Vec::new();
    for (at, design) in DESIGNS.into_iter().enumerate() {
        // The first designs take what does not divide.
        let share = (kills as usize + DESIGNS.len() - 1 - at) / DESIGNS.len();
        let seed = seed.wrapping_add(at as u64);
        let ran = on_stage(design, async |scene| {
            let history = kill_and_judge(scene, seed, share).await?;
            println!("{:<10} seed {seed}: {}", design.as_str(), told(&history));
            Ok(())
        });
        failures.extend(ran.err().map(|error| format!("{error:#}")));
    }
    println!("{kills} kills in {:.0} s", began.elapsed().as_secs_f64());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

async fn kill_and_judge(
    scene: &Scene,
    seed: u64,
    kills: usize,
) -> anyhow::Result<History> {
    let trial = scene.trial("seeded_kills", seed, CROWD);
    let crowd = trial.crowd(&scene.cluster.url());
    trial.until_all_are_served().await?;
    let victims = victims(scene).await;
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..kills {
        let pause = Duration::from_millis(dice.random_range(BETWEEN_MS));
        let down = Duration::from_millis(dice.random_range(DOWN_MS));
        let victim = &victims[dice.random_range(0..victims.len())];
        tokio::time::sleep(pause).await;
        let fault = trial.strike(scene, victim, Order::Kill).await?;
        tokio::time::sleep(down).await;
        trial.mend(scene, fault, (victim, Order::Restart)).await?;
    }
    trial.until_all_are_served().await?;
    let left = crowd.stop().await;
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
        trial.until_all_are_served().await?;
        for id in scene.cluster.replica_ids() {
            let fault = trial.strike(scene, &id, Order::Kill).await?;
            trial.mend(scene, fault, (&id, Order::Restart)).await?;
        }
        trial.until_all_are_served().await?;
        let left = crowd.stop().await;
        let history = trial.judge(scene, &left).await?;
        let strict = ledger::check(&history, &ledger::Promises::of_replicated());
        assert_eq!(strict.broken(), [ledger::Invariant::Logins], "{strict}");
        Ok(())
    })
}
