//! For how long a stolen token is good after its owner has logged out: measured for every
//! way of revoking, side by side.

use crate::stage::{Scene, alone, logged_in};
use anyhow::ensure;
use cluster::Design;
use ledger::entry::Ended;
use ledger::person::{Held, Person};
use std::time::{Duration, Instant};

/// How long a thief goes on trying after the token should have died of age.
const PATIENCE: Duration = Duration::from_secs(20);

/// Seconds that a token lives here: minutes would be too long to wait for.
const LIFE: Duration = Duration::from_secs(6);

const EVERY: Duration = Duration::from_millis(50);

/// A token of a user, stolen; the user logs out; the thief knocks at every replica until
/// none lets it in. Returns for how long one did.
async fn outlives_its_owners_logout(revocation: &str) -> anyhow::Result<Duration> {
    let ttl = LIFE.as_millis().to_string();
    let flags = ["--revocation", revocation, "--token-ttl-ms", &ttl];
    let scene = Scene::start_with(Design::Token, &flags).await?;
    let trial = scene.trial("outlives_its_owners_logout", 1, 1);
    let mut owner = trial.person(0, &scene.cluster.url());
    let held = logged_in(&mut owner).await?;
    let doors = scene.doors().await?;
    let thieves: Vec<Person> = doors.iter().map(|door| owner.at(door)).collect();
    ensure!(owner.end(&held).await.ended == Ended::Ok, "the owner logs out");
    let logged_out = Instant::now();
    let mut last = Duration::ZERO;
    while logged_out.elapsed() < LIFE + PATIENCE {
        let tried = logged_out.elapsed();
        match lets_somebody_in(&thieves, &held).await {
            true => last = logged_out.elapsed(),
            // Every replica said no, and a token that has died stays dead.
            false if tried > last => break,
            false => {}
        }
        tokio::time::sleep(EVERY).await;
    }
    scene.cluster.down().await;
    Ok(last)
}

async fn lets_somebody_in(thieves: &[Person], held: &Held) -> bool {
    let mut any = false;
    for thief in thieves {
        any |= thief.list(held).await.0.ended == Ended::Ok;
    }
    any
}

#[test]
fn a_stolen_token_outlives_the_logout_where_nobody_is_asked() -> anyhow::Result<()> {
    for revocation in ["none", "short-lived"] {
        let good_for = alone(outlives_its_owners_logout(revocation))?;
        println!("--revocation {revocation}: stolen, good for {good_for:?} of {LIFE:?}");
        ensure!(good_for > LIFE / 3, "{revocation}: it died after {good_for:?}");
        ensure!(good_for < LIFE + PATIENCE, "{revocation}: it never died");
    }
    Ok(())
}

#[test]
fn a_stolen_token_dies_with_the_logout_where_somebody_is_asked() -> anyhow::Result<()> {
    for revocation in ["deny-list", "token-version", "combined"] {
        let good_for = alone(outlives_its_owners_logout(revocation))?;
        println!("--revocation {revocation}: stolen, good for {good_for:?}");
        ensure!(good_for == Duration::ZERO, "{revocation}: good for {good_for:?}");
    }
    Ok(())
}
