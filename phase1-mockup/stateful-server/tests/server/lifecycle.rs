//! The life of a session in the log: birth at login, and death by one of four causes (the
//! fourth, the end of the process, is in `consequences`).

use crate::start;
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{Credential, Upload, raw};
use serde_json::Value;

/// Death by logout.
#[tokio::test]
async fn logged_out_session_dies_with_cause_ended() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &["--log", "json"]).await?;
    let (client, alice) = server.as_alice().await?;
    client.end_session(&alice).await.done()?;
    check_birth_and_death(&server, "ended").await
}

/// Death by idle timeout, detected by the sweep.
#[tokio::test]
async fn idle_session_dies_with_cause_idle() -> anyhow::Result<()> {
    let flags = ["--log", "json", "--idle-timeout-ms", "200", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &flags).await?;
    server.sign_in(&server.alice).await?;
    check_birth_and_death(&server, "idle").await
}

/// Death by absolute timeout, although the session is in use.
#[tokio::test]
async fn busy_session_dies_with_cause_absolute() -> anyhow::Result<()> {
    let flags = ["--log", "json", "--absolute-timeout-ms", "500", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &flags).await?;
    let alice = server.sign_in(&server.alice).await?;
    refusal_of_a_busy_client(&server, &alice).await?;
    check_birth_and_death(&server, "absolute").await
}

/// The first request after the timeout gets `session-expired`. Later ones get `session-unknown`,
/// because the session is removed.
#[tokio::test]
async fn expired_session_is_reported_as_expired_once() -> anyhow::Result<()> {
    let flags = ["--absolute-timeout-ms", "500", "--sweep-ms", "3600000"];
    let server = start(&Fixture::new()?, &flags).await?;
    let alice = server.sign_in(&server.alice).await?;
    let refusal = refusal_of_a_busy_client(&server, &alice).await?;
    let expired = ProblemKind::SessionExpired.slug();
    equal("the refusal", refusal.as_str(), expired)?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// The number of sessions is limited, because each takes memory. A logout makes room.
#[tokio::test]
async fn session_limit_refuses_new_logins() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &["--max-sessions", "2"]).await?;
    let (client, first) = server.as_alice().await?;
    let second = server.sign_in(&server.bob).await?;
    let third = client.log_in_session(&server.alice).await;
    third.refused_as(ProblemKind::TooManySessions)?;
    server.accepts(&second).await?;
    client.end_session(&first).await.done()?;
    server.sign_in(&server.alice).await?;
    Ok(())
}

/// A client disconnects before the reply to its upload, and retries. The file is once in the
/// listing and once in the session.
#[tokio::test]
async fn retried_upload_after_a_disconnect_is_recorded_once() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    let names: Vec<_> = (0..20).map(|at| format!("file-{at}")).collect();
    for name in &names {
        let (name_header, value) = alice.header().expect("a session id is a header");
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; \
             filename=\"{name}\"\r\n\r\n{name}\r\n--b--\r\n"
        );
        let request = format!(
            "POST /api/upload HTTP/1.1\r\nHost: x\r\n{name_header}: {}\r\n\
             Idempotency-Key: {name}\r\nContent-Length: {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\n\r\n{body}",
            value.to_str()?,
            body.len()
        );
        raw::disconnect_after(&server.base_url, request.as_bytes()).await?;
        let again = Upload::new(name, name.clone());
        client.upload_with_key(&alice, &again, name).await.done()?;
    }
    let view = client.session_view(&alice).await.done()?.body;
    equal("the files of the session", view.files_uploaded, names.clone())?;
    let list = client.list(&alice, &ListQuery::default()).await.done()?.body;
    equal("the number of files", list.files.len(), names.len())
}

/// The log identifies sessions by a hash that cannot be used as an id.
#[tokio::test]
async fn session_ids_and_passwords_are_not_logged() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    client.session_view(&alice).await.done()?;
    client.end_session(&alice).await.done()?;
    client.session_view(&alice).await.status()?;
    server.server.terminate().await?;

    let log = server.server.log();
    let Credential::Session(id) = &alice else {
        anyhow::bail!("the credential is a session id");
    };
    equal("the log has sessions", log.contains("session born"), true)?;
    equal("the id is in the log", log.contains(id.expose()), false)?;
    let password = server.alice.password.expose();
    equal("the password is in the log", log.contains(password), false)
}

/// Sends requests until one is refused, and returns the slug of its problem.
async fn refusal_of_a_busy_client(
    server: &Started,
    credential: &Credential,
) -> anyhow::Result<String> {
    let client = server.client();
    eventually(PROCESS_TIMEOUT, "a refusal", async || {
        use client::CallResult;
        match client.session_view(credential).await {
            CallResult::Refused(reply) => Ok(Some(reply.body.slug().to_owned())),
            other => other.done().map(|_still_valid| None),
        }
    })
    .await
}

/// Checks the birth in the log, and the death of the same session.
async fn check_birth_and_death(server: &Started, cause: &str) -> anyhow::Result<()> {
    let born = event(server, "session born").await?;
    let died = event(server, "session died").await?;
    equal("the session", &died["session"], &born["session"])?;
    equal("the user", &died["user"], server.alice.username.as_str())?;
    equal("the cause", &died["cause"], cause)
}

async fn event(server: &Started, message: &str) -> anyhow::Result<Value> {
    eventually(PROCESS_TIMEOUT, message, async || {
        let mut events = server.server.events().into_iter();
        Ok(events.find(|event| event["message"] == message))
    })
    .await
}
