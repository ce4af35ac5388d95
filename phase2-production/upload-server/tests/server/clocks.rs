//! Replicas with clock skew: beyond the limit a replica is not ready; within it, expiry
//! is wrong by at most the skew.

use crate::stores::{StoreKind, TestStores};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use http::{Method, StatusCode};
use std::time::Duration;
use upload_domain::incoming::now_ms;

async fn readiness(replica: &Started) -> anyhow::Result<(StatusCode, String)> {
    let client = replica.client();
    let reply = client.send(client.request(Method::GET, paths::READYZ)).await?;
    Ok((reply.status, text(&reply.body)))
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

async fn becomes_ready(replica: &Started) -> anyhow::Result<()> {
    let ready = async || {
        let (status, _message) = readiness(replica).await?;
        Ok((status == StatusCode::OK).then_some(()))
    };
    eventually(PROCESS_TIMEOUT, "the replica to be ready", ready).await
}

/// Clock skew of a ready replica in milliseconds: slightly below the limit, because the
/// time of the clock query counts as uncertainty.
const AHEAD_MS: u64 = 900;
const AHEAD: &str = "900";
const BEHIND: &str = "-900";

async fn with_skew(
    stores: &TestStores,
    design: &str,
    ms: &str,
) -> anyhow::Result<Started> {
    stores.replica(design, &["--clock-offset-ms", ms]).await
}

#[tokio::test]
async fn only_a_replica_with_wrong_clock_is_not_ready() -> anyhow::Result<()> {
    for kind in [StoreKind::Embedded, StoreKind::Real] {
        let stores = TestStores::new(kind, true).await?;
        let accurate = stores.replica("central", &[]).await?;
        for wrong in ["3000", "-3000", "300000", "-300000"] {
            let skewed = with_skew(&stores, "central", wrong).await?;
            // From its first readiness check on.
            for _ in 0..3 {
                let (status, message) = readiness(&skewed).await?;
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{message}");
                assert!(
                    message.contains("clock: differs from the records'"),
                    "{message}"
                );
            }
        }
        becomes_ready(&accurate).await?;
    }
    Ok(())
}

#[tokio::test]
async fn token_of_a_skewed_replica_is_valid_everywhere_immediately() -> anyhow::Result<()>
{
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let accurate = stores.replica("token", &[]).await?;
    let ahead = with_skew(&stores, "token", AHEAD).await?;
    let behind = with_skew(&stores, "token", BEHIND).await?;
    let replicas = [accurate, ahead, behind];
    for replica in &replicas {
        becomes_ready(replica).await?;
    }
    // Tokens have whole seconds: ten rounds hit different fractions of a second.
    for _ in 0..10 {
        for issuer in &replicas {
            let credential = issuer.sign_in(&issuer.alice).await?;
            for replica in &replicas {
                replica.accepts(&credential).await?;
            }
        }
    }
    Ok(())
}

/// The session starts on the replica with the fast clock and is checked on the slow one:
/// both are ready, and their clocks differ by the maximum.
#[tokio::test]
async fn session_expires_late_by_at_most_the_clock_skew() -> anyhow::Result<()> {
    const ABSOLUTE_TIMEOUT_MS: u64 = 3_000;
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let flags = ["--absolute-timeout-ms", "3000"];
    let slow = ["--clock-offset-ms", BEHIND, flags[0], flags[1]];
    let slow = stores.replica("central", &slow).await?;
    let fast = ["--clock-offset-ms", AHEAD, flags[0], flags[1]];
    let fast = stores.replica("central", &fast).await?;
    becomes_ready(&slow).await?;
    becomes_ready(&fast).await?;
    let before = now_ms();
    let alice = fast.sign_in(&fast.alice).await?;
    // The birth has the time of the database; only the slow replica adds its skew.
    let born = before + AHEAD_MS..=now_ms() + AHEAD_MS;
    let mut last_accepted = before;
    let timeout =
        Duration::from_millis(ABSOLUTE_TIMEOUT_MS + 2 * AHEAD_MS) + PROCESS_TIMEOUT;
    eventually(timeout, "the session to expire", async || {
        let sent_at = now_ms();
        if slow.accepts(&alice).await.is_ok() {
            last_accepted = sent_at;
            return Ok(None);
        }
        slow.refuses(&alice, ProblemKind::SessionExpired).await.map(Some)
    })
    .await?;
    assert!(
        now_ms() >= born.start() + ABSOLUTE_TIMEOUT_MS,
        "the session expired too early"
    );
    assert!(
        last_accepted <= born.end() + ABSOLUTE_TIMEOUT_MS,
        "the session expired too late"
    );
    Ok(())
}
