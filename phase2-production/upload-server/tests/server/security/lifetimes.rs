//! Items 5, 6 and 11: how long a session lives, and how many one person may have.

use super::people::Town;
use crate::on::Stores;
use anyhow::{bail, ensure};
use api_conformance::eventually::silence;
use api_conformance::expect::equal;
use api_conformance::outcome::Outcome;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use futures_util::future::try_join_all;
use redis::aio::MultiplexedConnection;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};
use upload_domain::hex::hex;

/// For clocks that are read one after the other.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Item 5. Reading is using: who asks before the idle time is over may stay, on whatever
/// replica, and who was silent for longer is out on all of them.
#[tokio::test]
async fn reading_starts_the_idle_time_anew_and_silence_ends_it() -> anyhow::Result<()> {
    let stays = async |design: &'static str| {
        let clocks = ["--idle-timeout-ms", "2500", "--absolute-timeout-ms", "60000"];
        let town = Town::new(Stores::Embedded, design, &clocks).await?;
        let alice = town.sign_in(&town.alice).await?;
        let client = town.client();
        for _ in 0..3 {
            silence(Duration::from_millis(1500)).await;
            client.list(&alice, &ListQuery::default()).await.done()?;
        }
        silence(Duration::from_millis(3200)).await;
        town.refuse(&alice, ProblemKind::SessionExpired).await
    };
    tokio::try_join!(stays("central"), stays("replicated"))?;
    Ok(())
}

/// Item 6. However busy it is, a session dies at the age that the server's clock says, and
/// Redis never keeps it for longer than either of its times has left.
#[tokio::test]
async fn a_busy_session_dies_of_old_age() -> anyhow::Result<()> {
    let (idle, absolute) = (Duration::from_millis(2000), Duration::from_millis(4000));
    let clocks = ["--idle-timeout-ms", "2000", "--absolute-timeout-ms", "4000"];
    let town = Town::new(Stores::Real, "central", &clocks).await?;
    let mut redis = redis_of(&town).await?;
    let earliest_birth = Instant::now();
    let alice = town.sign_in(&town.alice).await?;
    let latest_birth = Instant::now();
    loop {
        let asked = Instant::now();
        match town.client().list(&alice, &ListQuery::default()).await {
            Outcome::Done(_) => {
                let age = asked - latest_birth;
                ensure!(age < absolute + A_MOMENT, "it lived on at the age of {age:?}");
            }
            refused => {
                refused.refused_as(ProblemKind::SessionExpired)?;
                let age = earliest_birth.elapsed();
                ensure!(age + A_MOMENT > absolute, "it died at the age of {age:?}");
                break;
            }
        }
        let left = absolute.saturating_sub(latest_birth.elapsed()) + A_MOMENT;
        let kept = kept(&mut redis, &alice).await?;
        ensure!(kept <= left.min(idle), "Redis keeps it for {kept:?} and not {left:?}");
        silence(Duration::from_millis(200)).await;
    }
    town.refuse(&alice, ProblemKind::SessionExpired).await
}

async fn redis_of(town: &Town) -> anyhow::Result<MultiplexedConnection> {
    let client = redis::Client::open(town.redis().url.as_str())?;
    Ok(client.get_multiplexed_async_connection().await?)
}

/// For how long Redis will keep what it knows of a session.
async fn kept(
    redis: &mut MultiplexedConnection,
    proof: &Proof,
) -> anyhow::Result<Duration> {
    let Proof::Session(id) = proof else {
        bail!("{proof:?} is no session");
    };
    let key = format!("session:{}", hex(&Sha256::digest(id.expose())));
    let left: i64 = redis::cmd("PTTL").arg(key).query_async(redis).await?;
    ensure!(left != -1, "Redis keeps a session for ever");
    Ok(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

/// Item 11. One session more than one may have ends the oldest, and nobody else's.
#[tokio::test]
async fn one_session_too_many_ends_the_oldest() -> anyhow::Result<()> {
    let town = town_of_three().await?;
    let bob = town.sign_in(&town.bob).await?;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(town.sign_in(&town.alice).await?);
    }
    town.refuse(&sessions[0], ProblemKind::SessionUnknown).await?;
    for living in [&sessions[1], &sessions[2], &sessions[3], &bob] {
        town.accept(living).await?;
    }
    Ok(())
}

/// Item 11. Logins that race each other at the limit, on different replicas, never end up as
/// one session too many.
#[tokio::test]
async fn logins_that_race_each_other_never_exceed_the_limit() -> anyhow::Result<()> {
    let town = town_of_three().await?;
    let mut sessions = Vec::new();
    for round in 0..8 {
        let racing = (0..4).map(|number| {
            let replica = town.replica(round + number);
            replica.sign_in(&town.alice)
        });
        sessions.extend(try_join_all(racing).await?);
        for replica in town.replicas() {
            let (client, mut living) = (replica.client(), 0);
            for session in &sessions {
                let listing = client.list(session, &ListQuery::default()).await;
                living += usize::from(listing.status()?.is_success());
            }
            equal("living sessions", living, 3)?;
        }
    }
    Ok(())
}

async fn town_of_three() -> anyhow::Result<Town> {
    Town::new(Stores::Real, "central", &["--max-sessions-per-user", "3"]).await
}
