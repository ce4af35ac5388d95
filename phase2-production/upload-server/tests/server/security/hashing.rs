//! Item 15: hashing a password is expensive on purpose, so there is a limit to how much of
//! it anybody can make a server do.

use super::people::{Town, with_password};
use crate::on::Stores;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::sessions::SessionStarted;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Method;
use http::header::RETRY_AFTER;
use std::time::{Duration, Instant};
use upload_domain::passwords::HashCost;

/// Nobody is locked out for guessing here: it is the hashing that is watched.
const FREE: [&str; 4] =
    ["--attempts-per-account", "10000", "--attempts-per-address", "10000"];

/// Logins at once: more than the 8 that are checked and the 256 that may wait.
const AT_ONCE: usize = 700;

/// What eight checks of 19 MiB each may add to the peak memory, with as much again for 700
/// connections. All at once would be 13 GB.
const MAY_GROW_KIB: u64 = 2 * 8 * 19 * 1024;

/// Item 15. A password of a megabyte is refused without being read to its end, and one that
/// nobody can have is wrong without being hashed.
#[tokio::test]
async fn a_password_of_a_megabyte_costs_nothing() -> anyhow::Result<()> {
    let town =
        Town::with_hashes(HashCost::Owasp, Stores::Embedded, "central", &FREE).await?;
    let start = Instant::now();
    let huge = with_password("alice", "x".repeat(1_000_000));
    let refused = town.client().log_in_session(&huge).await;
    refused.refused_as(ProblemKind::MalformedRequest)?;
    let too_long = with_password("alice", "x".repeat(1025));
    let refused = town.client().log_in_session(&too_long).await;
    refused.refused_as(ProblemKind::InvalidCredentials)?;
    ensure!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

/// Item 15. Passwords may be long, up to 1,024 bytes, and hold any text. (ASVS 6.2.9 asks
/// for 64 characters at least.)
#[tokio::test]
async fn a_long_password_is_a_good_password() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let mut now = town.alice.clone();
    for long in [
        "p".repeat(64),
        "ein Satz mit Ümläuten, 漢字 und 🔑 ".repeat(3),
        "q".repeat(1024),
    ] {
        let proof = town.sign_in(&now).await?;
        let next = with_password("alice", long);
        town.change_password(&proof, &now, &next).await.done()?;
        now = next;
    }
    let proof = town.sign_in(&now).await?;
    for weak in ["p".repeat(14), "p".repeat(1025), now.password.expose().to_owned()] {
        let weak = with_password("alice", weak);
        let refused = town.change_password(&proof, &now, &weak).await;
        refused.refused_as(ProblemKind::WeakPassword)?;
    }
    town.accept(&proof).await
}

/// How long it may take until the queue is full; the rest is not waited for.
const SOON: Duration = Duration::from_secs(30);

/// Item 15. Of 700 logins at once eight are checked at a time; those who would wait too long
/// are told so at once, memory stays where it is, and nobody is locked out for it.
#[tokio::test]
async fn hundreds_of_logins_at_once_do_not_fill_the_memory() -> anyhow::Result<()> {
    let town = Town::with_hashes(HashCost::Owasp, Stores::Real, "central", &FREE).await?;
    let replica = town.replica(0);
    let client = replica.client();
    client.log_in_session(&town.alice).await.done()?;
    let before = peak_memory_kib(replica.server.pid())?;
    let mut logins: FuturesUnordered<_> = (0..AT_ONCE)
        .map(|number| {
            let wrong = with_password(&format!("name-{number}"), "wrong");
            let request = client.request(Method::POST, paths::SESSION_START).json(&wrong);
            client.json::<SessionStarted>(request)
        })
        .collect();
    let ten_turned_away = async {
        let mut turned_away = 0;
        while turned_away < 10 {
            let answer = logins.next().await.context("all of them were let in")?;
            if let Outcome::Refused(reply) = answer {
                let status = reply.status.as_u16();
                ensure!([401, 503].contains(&status), "a login is {status}");
                // Whoever cannot be looked up in time is turned away as well.
                ensure!(
                    status == 401 || reply.header(RETRY_AFTER).is_some(),
                    "until when?"
                );
                turned_away += usize::from(status == 503);
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(SOON, ten_turned_away)
        .await
        .context("the queue has no end")??;
    // Hanging up takes the rest of the queue away.
    drop(logins);
    let grown = peak_memory_kib(replica.server.pid())?.saturating_sub(before);
    ensure!(grown < MAY_GROW_KIB, "the peak grew by {grown} KiB");
    eventually(PATIENCE, "alice gets in again", async || {
        Ok(client.log_in_session(&town.alice).await.done().ok())
    })
    .await?;
    Ok(())
}

fn peak_memory_kib(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let figure = line.context("a peak")?.trim().trim_end_matches(" kB");
    Ok(figure.parse()?)
}
