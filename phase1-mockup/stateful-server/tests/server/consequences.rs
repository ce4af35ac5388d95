//! What follows from remembering. Each test has a counterpart of the opposite fact at the
//! same place of the same file in `stateless-server`.

use crate::start;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::fixture::Fixture;
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_contract::problem::ProblemKind;

/// Memory is gone with the process that had it; the accounts and the files are not.
#[tokio::test]
async fn a_restart_signs_everyone_out() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &[]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let bob = before.sign_in(&before.bob).await?;
    before.server.kill_9()?;

    let after = start(&fixture, &[]).await?;
    for proof in [&alice, &bob] {
        after.refuses(proof, ProblemKind::SessionUnknown).await?;
    }
    let again = after.sign_in(&after.alice).await?;
    after.accepts(&again).await
}

/// Two processes have two memories, whatever else they share.
#[tokio::test]
async fn a_second_replica_knows_nobody() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = start(&fixture, &["--replica-id", "r1"]).await?;
    let second = start(&fixture, &["--replica-id", "r2"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    second.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// The server forgets, and then nobody can use the id, its owner included.
#[tokio::test]
async fn logout_ends_the_proof_at_once() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    server.accepts(&alice).await?;
    client.end_session(&alice).await.done()?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// Whoever has the id is the user, until the user logs out.
#[tokio::test]
async fn a_stolen_proof_dies_with_the_session() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    let stolen = alice.clone();
    server.accepts(&stolen).await?;
    client.end_session(&alice).await.done()?;
    server.refuses(&stolen, ProblemKind::SessionUnknown).await
}

/// Each caller costs memory until the session ends.
#[tokio::test]
async fn memory_grows_with_the_number_of_callers() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    equal("sessions at first", live_sessions(&server).await?, 0.0)?;
    let (client, first) = server.as_alice().await?;
    for _ in 1..10 {
        server.sign_in(&server.alice).await?;
    }
    equal("after ten logins", live_sessions(&server).await?, 10.0)?;
    client.end_session(&first).await.done()?;
    equal("after one logout", live_sessions(&server).await?, 9.0)
}

/// Silence is the only sign of a client that is gone for good.
#[tokio::test]
async fn an_idle_caller_is_forgotten() -> anyhow::Result<()> {
    let short = ["--idle-timeout-ms", "500", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &short).await?;
    let alice = server.sign_in(&server.alice).await?;
    eventually(PATIENCE, "an empty memory", async || {
        let empty = live_sessions(&server).await? == 0.0;
        Ok(empty.then_some(()))
    })
    .await?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// Told to stop, the process says in its log who will have to log in again.
#[tokio::test]
async fn a_clean_exit_reports_every_session_that_dies_with_it() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut server = start(&fixture, &["--log", "json"]).await?;
    for _ in 0..3 {
        server.sign_in(&server.alice).await?;
    }
    let status = server.server.terminate().await?;
    equal("the exit code", status.code(), Some(0))?;
    let events = server.server.events();
    let died = events.iter().filter(|event| {
        event["message"] == "session died" && event["cause"] == "process-exit"
    });
    equal("sessions that died with the process", died.count(), 3)
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

async fn live_sessions(
    server: &api_conformance::fixture::Started,
) -> anyhow::Result<f64> {
    let gauge = server.server.metric("live_sessions").await?;
    Ok(gauge.unwrap_or(f64::NAN))
}
