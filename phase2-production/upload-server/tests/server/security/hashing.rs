//! Item 15: password hashing is expensive by design, so clients must not be able to cause
//! unbounded hashing.

use super::test_app::{TestApp, with_password};
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::sessions::SessionStarted;
use client::CallResult;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Method;
use http::header::RETRY_AFTER;
use std::time::{Duration, Instant};
use upload_domain::passwords::HashCost;

/// Limits so high that no guess is refused: these tests measure the hashing.
const HIGH_LIMITS: [&str; 4] =
    ["--attempts-per-account", "10000", "--attempts-per-address", "10000"];

/// Concurrent logins: more than the 8 that are checked and the 256 that wait.
const CONCURRENT_LOGINS: usize = 700;

/// Limit for the growth of the peak memory, in KiB: eight checks of 19 MiB each, and as
/// much for 700 connections. Unlimited hashing would need 13 GB.
const MAX_GROWTH_KIB: u64 = 2 * 8 * 19 * 1024;

/// Item 15. A password of a megabyte is refused before it is read completely. One above
/// the maximum length is wrong without being hashed.
#[tokio::test]
async fn megabyte_password_is_refused_without_hashing() -> anyhow::Result<()> {
    let app = TestApp::with_hashes(
        HashCost::Owasp,
        StoreKind::Embedded,
        "central",
        &HIGH_LIMITS,
    )
    .await?;
    let start = Instant::now();
    let huge = with_password("alice", "x".repeat(1_000_000));
    let refused = app.client().log_in_session(&huge).await;
    refused.refused_as(ProblemKind::MalformedRequest)?;
    let too_long = with_password("alice", "x".repeat(1025));
    let refused = app.client().log_in_session(&too_long).await;
    refused.refused_as(ProblemKind::InvalidCredentials)?;
    ensure!(start.elapsed() < Duration::from_secs(5), "it took {:?}", start.elapsed());
    Ok(())
}

/// Item 15. Passwords may have up to 1,024 bytes of any text. (ASVS 6.2.9 asks for at
/// least 64 characters.)
#[tokio::test]
async fn long_passwords_are_accepted() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let mut current = app.alice.clone();
    for long in [
        "p".repeat(64),
        "ein Satz mit Ümläuten, 漢字 und 🔑 ".repeat(3),
        "q".repeat(1024),
    ] {
        let credential = app.sign_in(&current).await?;
        let next = with_password("alice", long);
        app.change_password(&credential, &current, &next).await.done()?;
        current = next;
    }
    let credential = app.sign_in(&current).await?;
    for weak in ["p".repeat(14), "p".repeat(1025), current.password.expose().to_owned()] {
        let weak = with_password("alice", weak);
        let refused = app.change_password(&credential, &current, &weak).await;
        refused.refused_as(ProblemKind::WeakPassword)?;
    }
    app.all_accept(&credential).await
}

/// Time limit for filling the queue.
const QUEUE_FULL_TIMEOUT: Duration = Duration::from_secs(30);

/// Item 15. Of 700 concurrent logins eight are checked at a time. Logins that would wait
/// too long get 503 immediately, memory stays bounded, and no account is locked.
#[tokio::test]
async fn hundreds_of_concurrent_logins_use_bounded_memory() -> anyhow::Result<()> {
    let app =
        TestApp::with_hashes(HashCost::Owasp, StoreKind::Real, "central", &HIGH_LIMITS)
            .await?;
    let replica = app.replica(0);
    let client = replica.client();
    client.log_in_session(&app.alice).await.done()?;
    let before = peak_memory_kib(replica.server.pid())?;
    let mut logins: FuturesUnordered<_> = (0..CONCURRENT_LOGINS)
        .map(|number| {
            let wrong = with_password(&format!("name-{number}"), "wrong");
            let request = client.request(Method::POST, paths::SESSION_START).json(&wrong);
            client.json::<SessionStarted>(request)
        })
        .collect();
    let ten_refused = async {
        let mut refused = 0;
        while refused < 10 {
            let answer = logins.next().await.context("all logins were accepted")?;
            if let CallResult::Refused(reply) = answer {
                let status = reply.status.as_u16();
                ensure!([401, 503].contains(&status), "a login returned {status}");
                // A slow account lookup also leads to 503.
                let has_retry_after = reply.header(RETRY_AFTER).is_some();
                ensure!(status == 401 || has_retry_after, "no Retry-After");
                refused += usize::from(status == 503);
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(QUEUE_FULL_TIMEOUT, ten_refused)
        .await
        .context("the queue is unbounded")??;
    // Disconnecting removes the remaining logins from the queue.
    drop(logins);
    let grown = peak_memory_kib(replica.server.pid())?.saturating_sub(before);
    ensure!(grown < MAX_GROWTH_KIB, "the peak grew by {grown} KiB");
    eventually(PROCESS_TIMEOUT, "alice to log in again", async || {
        Ok(client.log_in_session(&app.alice).await.done().ok())
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
