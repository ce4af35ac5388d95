//! What follows from not remembering. Each test has a counterpart of the opposite fact at
//! the same place of the same file in `stateful-server`.

use crate::start;
use api_conformance::eventually::{eventually, silence};
use api_conformance::expect::equal;
use api_conformance::fixture::Fixture;
use api_conformance::form::Upload;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use std::time::Duration;

/// The key is a file and the proof is with the caller, so nothing was lost.
#[tokio::test]
async fn a_restart_keeps_callers_signed_in() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &[]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let bob = before.sign_in(&before.bob).await?;
    before.server.kill_9()?;

    let after = start(&fixture, &[]).await?;
    for proof in [&alice, &bob] {
        after.accepts(proof).await?;
    }
    Ok(())
}

/// Every process that has the key reads the same in a token.
#[tokio::test]
async fn a_second_replica_knows_everybody() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = start(&fixture, &["--replica-id", "r1"]).await?;
    let second = start(&fixture, &["--replica-id", "r2"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    second.accepts(&alice).await
}

/// There is nothing to call: the client throws its token away, and any copy still works.
#[tokio::test]
async fn logout_is_only_the_client_forgetting() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    server.accepts(&alice).await?;
    client.end_session(&alice).await.refused_as(ProblemKind::NotFound)?;
    server.accepts(&alice).await
}

/// Whoever has the token is the user, until its time is up and not a second less.
#[tokio::test]
async fn a_stolen_proof_lives_until_it_expires() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &["--token-ttl-ms", "2000"]).await?;
    let (client, alice) = server.as_alice().await?;
    let stolen = alice.clone();
    drop(alice);
    server.accepts(&stolen).await?;
    let refusal = eventually(PATIENCE, "the end of a token", async || {
        match client.list(&stolen, &ListQuery::default()).await {
            Outcome::Refused(reply) => Ok(Some(reply.body)),
            other => other.done().map(|_still_alive| None),
        }
    });
    let expired = ProblemKind::TokenExpired.slug();
    equal("the refusal", refusal.await?.slug(), expired)
}

/// Ten callers leave no more behind than none.
#[tokio::test]
async fn memory_knows_no_callers() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    for _ in 0..10 {
        let alice = server.sign_in(&server.alice).await?;
        server.accepts(&alice).await?;
    }
    equal("live sessions", server.server.metric("live_sessions").await?, None)?;
    let metrics = server.server.metrics().await?;
    equal("metrics are kept", metrics.contains("http_requests_total"), true)?;
    equal("a metric of sessions", metrics.contains("session"), false)
}

/// Silence changes nothing, because nobody was listening for it.
#[tokio::test]
async fn an_idle_caller_is_still_known() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let alice = server.sign_in(&server.alice).await?;
    silence(Duration::from_secs(1)).await;
    server.accepts(&alice).await
}

/// Told to stop, the process has nothing to report: nobody has to log in again.
#[tokio::test]
async fn a_clean_exit_takes_nobody_with_it() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &["--log", "json"]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let status = before.server.terminate().await?;
    equal("the exit code", status.code(), Some(0))?;
    let log = before.server.log();
    equal("the log tells of a death", log.contains("died"), false)?;

    let after = start(&fixture, &[]).await?;
    after.accepts(&alice).await
}

/// What was acknowledged is on disk, whatever happens to the process.
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
