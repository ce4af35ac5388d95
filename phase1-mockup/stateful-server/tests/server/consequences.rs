//! The consequences of storing sessions. Each test has a counterpart with the opposite result in
//! the same position of the same file in `stateless-server`.

use crate::start;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Fixture;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::problem::ProblemKind;
use client::Upload;
use client::expect::equal;

/// The sessions are lost with the process; accounts and files are not.
#[tokio::test]
async fn restart_ends_all_sessions() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let mut before = start(&fixture, &[]).await?;
    let alice = before.sign_in(&before.alice).await?;
    let bob = before.sign_in(&before.bob).await?;
    before.server.kill_9()?;

    let after = start(&fixture, &[]).await?;
    for credential in [&alice, &bob] {
        after.refuses(credential, ProblemKind::SessionUnknown).await?;
    }
    let again = after.sign_in(&after.alice).await?;
    after.accepts(&again).await
}

/// Two processes have separate memories, even on the same data folder.
#[tokio::test]
async fn second_replica_rejects_the_session() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let first = start(&fixture, &["--replica-id", "r1"]).await?;
    let second = start(&fixture, &["--replica-id", "r2"]).await?;
    let alice = first.sign_in(&first.alice).await?;
    first.accepts(&alice).await?;
    second.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// The server removes the session, so no client can use the id any more.
#[tokio::test]
async fn logout_ends_the_session_at_once() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    server.accepts(&alice).await?;
    client.end_session(&alice).await.done()?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// A thief with the id can act as the user until the user logs out.
#[tokio::test]
async fn stolen_session_id_ends_with_the_session() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    let stolen = alice.clone();
    server.accepts(&stolen).await?;
    client.end_session(&alice).await.done()?;
    server.refuses(&stolen, ProblemKind::SessionUnknown).await
}

/// Each session takes memory until it ends.
#[tokio::test]
async fn memory_grows_with_the_number_of_sessions() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    equal("sessions at the start", live_sessions(&server).await?, 0.0)?;
    let (client, first) = server.as_alice().await?;
    for _ in 1..10 {
        server.sign_in(&server.alice).await?;
    }
    equal("after ten logins", live_sessions(&server).await?, 10.0)?;
    client.end_session(&first).await.done()?;
    equal("after one logout", live_sessions(&server).await?, 9.0)
}

/// Inactivity is the only sign of a client that never returns.
#[tokio::test]
async fn idle_session_expires() -> anyhow::Result<()> {
    let short = ["--idle-timeout-ms", "500", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &short).await?;
    let alice = server.sign_in(&server.alice).await?;
    eventually(PROCESS_TIMEOUT, "no live sessions", async || {
        let empty = live_sessions(&server).await? == 0.0;
        Ok(empty.then_some(()))
    })
    .await?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// At an orderly stop the process logs every session that ends with it.
#[tokio::test]
async fn clean_exit_reports_every_ended_session() -> anyhow::Result<()> {
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
    equal("sessions that ended with the process", died.count(), 3)
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

async fn live_sessions(
    server: &api_conformance::fixture::Started,
) -> anyhow::Result<f64> {
    let gauge = server.server.metric("live_sessions").await?;
    Ok(gauge.unwrap_or(f64::NAN))
}
