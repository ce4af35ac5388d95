//! The consequences of storing no sessions. Each test has a counterpart with the opposite result
//! in the same position of the same file in `stateful-server`.

use crate::start;
use api_conformance::eventually::{eventually, wait_idle};
use api_conformance::fixture::Fixture;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{CallResult, Upload};
use std::time::Duration;

/// The key is in a file and the token is with the client, so nothing is lost.
#[tokio::test]
async fn tokens_survive_a_restart() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &[]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let bob = before.sign_in(&before.bob).await?;
    before.server.kill_9()?;

    let after = start(&fixture, &[]).await?;
    for credential in [&alice, &bob] {
        after.accepts(credential).await?;
    }
    Ok(())
}

/// Every process with the key accepts the token.
#[tokio::test]
async fn second_replica_accepts_the_token() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = start(&fixture, &["--replica-id", "r1"]).await?;
    let second = start(&fixture, &["--replica-id", "r2"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    second.accepts(&alice).await
}

/// There is no logout call: the client discards its token, but any copy still works.
#[tokio::test]
async fn logout_only_discards_the_client_copy() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    server.accepts(&alice).await?;
    client.end_session(&alice).await.refused_as(ProblemKind::NotFound)?;
    server.accepts(&alice).await
}

/// A thief with the token can act as the user until it expires.
#[tokio::test]
async fn stolen_token_works_until_it_expires() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &["--token-ttl-ms", "2000"]).await?;
    let (client, alice) = server.as_alice().await?;
    let stolen = alice.clone();
    drop(alice);
    server.accepts(&stolen).await?;
    let refusal =
        eventually(PROCESS_TIMEOUT, "the end of a token", async || {
            match client.list(&stolen, &ListQuery::default()).await {
                CallResult::Refused(reply) => Ok(Some(reply.body)),
                other => other.done().map(|_still_valid| None),
            }
        });
    let expired = ProblemKind::TokenExpired.slug();
    equal("the refusal", refusal.await?.slug(), expired)
}

/// Ten logins leave no state in the server.
#[tokio::test]
async fn memory_is_independent_of_logins() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    for _ in 0..10 {
        let alice = server.sign_in(&server.alice).await?;
        server.accepts(&alice).await?;
    }
    equal("live sessions", server.server.metric("live_sessions").await?, None)?;
    let metrics = server.server.metrics().await?;
    equal("there are metrics", metrics.contains("http_requests_total"), true)?;
    equal("there is a metric of sessions", metrics.contains("session"), false)
}

/// Inactivity has no effect, because the server stores no idle time.
#[tokio::test]
async fn idle_token_stays_valid() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let alice = server.sign_in(&server.alice).await?;
    wait_idle(Duration::from_secs(1)).await;
    server.accepts(&alice).await
}

/// At an orderly stop no login ends, so the process logs none.
#[tokio::test]
async fn clean_exit_ends_no_login() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &["--log", "json"]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let status = before.server.terminate().await?;
    equal("the exit code", status.code(), Some(0))?;
    let log = before.server.log();
    equal("the log has the end of a session", log.contains("died"), false)?;

    let after = start(&fixture, &[]).await?;
    after.accepts(&alice).await
}

/// Acknowledged uploads are on disk, so they survive any end of the process.
#[tokio::test]
async fn uploads_survive_a_sigkill() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &[]).await?;
    let (client, alice) = before.as_alice().await?;
    let file = Upload::of_size("kept.bin", 500_000);
    let kept = client.upload(&alice, &file).await.done()?.body;
    before.server.kill_9()?;

    let after = start(&fixture, &[]).await?;
    let (client, alice) = after.as_alice().await?;
    let content = client.content(&alice, &kept.file_id).await.done()?;
    equal("the bytes are the same", content.body == file.bytes, true)
}
