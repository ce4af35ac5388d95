//! The life of a session as the log tells it: birth at login, death by one of four
//! causes (the fourth, the end of the process, is in `consequences`).

use crate::start;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_conformance::raw;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use serde_json::Value;

/// By logout.
#[tokio::test]
async fn a_session_that_is_ended_dies_of_that() -> anyhow::Result<()> {
    let server = start(&Fixture::new()?, &["--log", "json"]).await?;
    let (client, alice) = server.as_alice().await?;
    client.end_session(&alice).await.done()?;
    born_and_died_of(&server, "ended").await
}

/// By silence, found by the sweep: nobody came back to notice it.
#[tokio::test]
async fn a_silent_session_dies_of_idleness() -> anyhow::Result<()> {
    let flags = ["--log", "json", "--idle-timeout-ms", "200", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &flags).await?;
    server.sign_in(&server.alice).await?;
    born_and_died_of(&server, "idle").await
}

/// By age, however busy it is.
#[tokio::test]
async fn a_busy_session_dies_of_age() -> anyhow::Result<()> {
    let flags = ["--log", "json", "--absolute-timeout-ms", "500", "--sweep-ms", "50"];
    let server = start(&Fixture::new()?, &flags).await?;
    let alice = server.sign_in(&server.alice).await?;
    refusal_of_a_busy_client(&server, &alice).await?;
    born_and_died_of(&server, "absolute").await
}

/// The first call after the death is told that there was a session; later ones are told
/// what everybody is told, because it is forgotten.
#[tokio::test]
async fn a_session_whose_time_ran_out_is_called_expired_once() -> anyhow::Result<()> {
    let flags = ["--absolute-timeout-ms", "500", "--sweep-ms", "3600000"];
    let server = start(&Fixture::new()?, &flags).await?;
    let alice = server.sign_in(&server.alice).await?;
    let refusal = refusal_of_a_busy_client(&server, &alice).await?;
    let expired = ProblemKind::SessionExpired.slug();
    equal("the refusal", refusal.as_str(), expired)?;
    server.refuses(&alice, ProblemKind::SessionUnknown).await
}

/// A cap, because each session costs memory; the next logout makes room.
#[tokio::test]
async fn a_full_server_lets_nobody_new_in() -> anyhow::Result<()> {
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

/// A client that hangs up between the upload and its answer, and asks again, finds the
/// file once in the listing and once in the session.
#[tokio::test]
async fn an_upload_whose_client_hung_up_is_remembered_once() -> anyhow::Result<()> {
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
        raw::hang_up_after(&server.base_url, request.as_bytes()).await?;
        let again = Upload::new(name, name.clone());
        client.upload_with_key(&alice, &again, name).await.done()?;
    }
    let view = client.session_view(&alice).await.done()?.body;
    equal("what the session remembers", view.files_uploaded, names.clone())?;
    let list = client.list(&alice, &ListQuery::default()).await.done()?.body;
    equal("the number of files", list.files.len(), names.len())
}

/// The log names sessions, but not so that whoever reads it could use one.
#[tokio::test]
async fn no_session_id_and_no_password_reaches_the_log() -> anyhow::Result<()> {
    let mut server = start(&Fixture::new()?, &[]).await?;
    let (client, alice) = server.as_alice().await?;
    client.session_view(&alice).await.done()?;
    client.end_session(&alice).await.done()?;
    client.session_view(&alice).await.status()?;
    server.server.terminate().await?;

    let log = server.server.log();
    let Proof::Session(id) = &alice else {
        anyhow::bail!("a session was asked for");
    };
    equal("the log tells of sessions", log.contains("session born"), true)?;
    equal("the id is in the log", log.contains(id.expose()), false)?;
    let password = server.alice.password.expose();
    equal("the password is in the log", log.contains(password), false)
}

/// Calls until refused, and returns the refusal's slug.
async fn refusal_of_a_busy_client(
    server: &Started,
    proof: &Proof,
) -> anyhow::Result<String> {
    let client = server.client();
    eventually(PATIENCE, "a refusal", async || {
        use api_conformance::outcome::Outcome;
        match client.session_view(proof).await {
            Outcome::Refused(reply) => Ok(Some(reply.body.slug().to_owned())),
            other => other.done().map(|_still_alive| None),
        }
    })
    .await
}

/// Finds the one birth in the log, and the death of the same session.
async fn born_and_died_of(server: &Started, cause: &str) -> anyhow::Result<()> {
    let born = event(server, "session born").await?;
    let died = event(server, "session died").await?;
    equal("who died", &died["session"], &born["session"])?;
    equal("whose it was", &died["user"], server.alice.username.as_str())?;
    equal("the cause", &died["cause"], cause)
}

async fn event(server: &Started, message: &str) -> anyhow::Result<Value> {
    eventually(PATIENCE, message, async || {
        let mut events = server.server.events().into_iter();
        Ok(events.find(|event| event["message"] == message))
    })
    .await
}
