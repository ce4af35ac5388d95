//! The messages of the WebSocket and the reasons for closing it. Item 37 of the security
//! suite tests the authorisation.

use crate::half_open::HalfOpenRequest;
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, bail, ensure};
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::events::{Event, close};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::raw::authority;
use client::{Credential, Upload};
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(started: &Started, credential: &Credential) -> anyhow::Result<Socket> {
    let address = authority(&started.base_url)?;
    let mut request = format!("ws://{address}{}", paths::EVENTS).into_client_request()?;
    let (name, value) = credential.header().context("a credential")?;
    request.headers_mut().insert(name, value);
    Ok(connect_async(request).await?.0)
}

/// The next text, or the code of the close frame.
async fn next_message(socket: &mut Socket) -> anyhow::Result<Result<String, u16>> {
    let next = async {
        while let Some(next) = socket.next().await {
            match next? {
                Message::Text(text) => return Ok(Ok(text.to_string())),
                Message::Close(Some(frame)) => return Ok(Err(frame.code.into())),
                _ => {}
            }
        }
        bail!("the socket ended without a close frame")
    };
    tokio::time::timeout(PROCESS_TIMEOUT, next).await.context("no message arrived")?
}

async fn expect_reply(
    socket: &mut Socket,
    message: &str,
    reply: &str,
) -> anyhow::Result<()> {
    socket.send(Message::text(message)).await?;
    equal("the reply", next_message(socket).await?, Ok(reply.to_owned()))
}

async fn expect_file_stored(
    socket: &mut Socket,
    id: &str,
    name: &str,
) -> anyhow::Result<()> {
    let Ok(text) = next_message(socket).await? else { bail!("the socket was closed") };
    let (file_id, name) = (id.to_owned(), name.to_owned());
    equal(
        "the event",
        serde_json::from_str::<Event>(&text)?,
        Event::FileStored { file_id, name },
    )
}

#[tokio::test]
async fn file_event_reaches_its_owner_once_from_every_replica() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, true).await?;
    let one = stores.replica("central", &["--replica-id", "r1"]).await?;
    let two = stores.replica("central", &["--replica-id", "r2"]).await?;
    let alice = one.sign_in(&one.alice).await?;
    let bob = one.sign_in(&one.bob).await?;
    let old = Upload::new("old.txt", "old");
    two.client().upload(&alice, &old).await.done()?;

    let (mut on_r1, mut on_r2) = (open(&one, &alice).await?, open(&two, &alice).await?);
    let mut bob_socket = open(&one, &bob).await?;
    expect_reply(&mut on_r1, "ping", "pong").await?;
    expect_reply(&mut on_r2, "ping", "pong").await?;
    for name in ["first.txt", "second.txt"] {
        let file = Upload::new(name, name);
        let stored = two.client().upload(&alice, &file).await.done()?;
        expect_file_stored(&mut on_r1, &stored.body.file_id, name).await?;
        expect_file_stored(&mut on_r2, &stored.body.file_id, name).await?;
    }
    let stored = one.client().upload(&bob, &old).await.done()?;
    expect_file_stored(&mut bob_socket, &stored.body.file_id, "old.txt").await?;
    // An event of bob's file for alice would arrive before this reply.
    expect_reply(&mut on_r1, "hello", r#"{"event":"not-understood"}"#).await
}

#[tokio::test]
async fn stopping_replica_closes_its_sockets_with_the_restart_code() -> anyhow::Result<()>
{
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let mut started = stores.replica("memory", &[]).await?;
    let credential = started.sign_in(&started.alice).await?;
    let mut socket = open(&started, &credential).await?;
    expect_reply(&mut socket, "ping", "pong").await?;
    let (exit, message) =
        tokio::join!(started.server.terminate(), next_message(&mut socket));
    equal("the close code", message?, Err(close::RESTART))?;
    ensure!(exit?.success(), "the server failed at shutdown");
    Ok(())
}

#[tokio::test]
async fn socket_closes_when_its_session_or_token_expires() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, true).await?;
    let idle = stores.replica("central", &["--idle-timeout-ms", "2500"]).await?;
    let token = stores.replica("token", &["--token-ttl-ms", "2000"]).await?;
    for started in [&idle, &token] {
        let credential = started.sign_in(&started.alice).await?;
        let mut socket = open(started, &credential).await?;
        // Messages on the socket do not count as use of the session.
        let pings = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                socket.send(Message::text("ping")).await?;
                if let Err(code) = next_message(&mut socket).await? {
                    return Ok::<_, anyhow::Error>(code);
                }
            }
        };
        let code = tokio::time::timeout(Duration::from_secs(8), pings).await;
        equal(
            "the close code",
            code.context("the socket stays open")??,
            close::NOT_ALLOWED,
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn oversized_message_closes_the_socket() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let started = stores.replica("memory", &[]).await?;
    let credential = started.sign_in(&started.alice).await?;
    let mut socket = open(&started, &credential).await?;
    let largest = "x".repeat(64 * 1024);
    expect_reply(&mut socket, &largest, r#"{"event":"not-understood"}"#).await?;
    socket.send(Message::text(largest + "x")).await?;
    equal("the close code", next_message(&mut socket).await?, Err(close::TOO_LONG))
}

#[tokio::test]
async fn sockets_are_limited_per_caller() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let started = stores.replica("memory", &[]).await?;
    let alice = started.sign_in(&started.alice).await?;
    let bob = started.sign_in(&started.bob).await?;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open(&started, &alice).await?);
    }
    let refused =
        open(&started, &alice).await.err().context("a ninth socket was opened")?;
    let Some(Error::Http(reply)) = refused.downcast_ref::<Error>() else {
        bail!("{refused:#}")
    };
    equal("status", reply.status(), ProblemKind::TooManyRequests.status())?;
    open(&started, &bob).await?;
    sockets.pop().context("eight sockets")?.close(None).await?;
    let free_socket = async || Ok(open(&started, &alice).await.ok().map(drop));
    api_conformance::eventually::eventually(PROCESS_TIMEOUT, "a free socket", free_socket)
        .await
}

/// One database poll serves all idle sockets.
#[tokio::test]
async fn idle_sockets_share_one_database_poll() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let started = stores.replica("memory", &[]).await?;
    let mut sockets = Vec::new();
    for account in [&started.alice, &started.bob] {
        let credential = started.sign_in(account).await?;
        for _ in 0..8 {
            let mut socket = open(&started, &credential).await?;
            expect_reply(&mut socket, "ping", "pong").await?;
            sockets.push(socket);
        }
    }
    let figure = async |name: &str| {
        anyhow::Ok(started.server.metric(name).await?.unwrap_or_default())
    };
    const TRANSACTIONS: &str =
        "upload_server_database_transactions_total{outcome=\"committed\"}";
    let before =
        (figure("upload_server_event_polls_total").await?, figure(TRANSACTIONS).await?);
    let polls = api_conformance::eventually::eventually(
        PROCESS_TIMEOUT,
        "five polls",
        async || {
            let polls = figure("upload_server_event_polls_total").await? - before.0;
            Ok((polls >= 5.0).then_some(polls))
        },
    )
    .await?;
    let transactions = figure(TRANSACTIONS).await? - before.1;
    // One more poll may have started, and the janitor may have run.
    ensure!(transactions <= polls + 6.0, "{transactions} transactions in {polls} polls");
    Ok(())
}

/// The slow upload starts first and finishes last. Its event is published when the file
/// exists, although thirty newer files were published before.
#[tokio::test]
async fn slow_upload_is_published_after_thirty_faster_ones() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let one = stores.replica("token", &["--replica-id", "r1"]).await?;
    let two = stores.replica("token", &["--replica-id", "r2"]).await?;
    let alice = one.sign_in(&one.alice).await?;
    let mut socket = open(&one, &alice).await?;
    expect_reply(&mut socket, "ping", "pong").await?;
    let slow = HalfOpenRequest::upload(&two, &alice).await?;
    let mut quick = Vec::new();
    for number in 0..30 {
        let file = Upload::new(format!("{number}.txt"), "quick");
        quick.push(two.client().upload(&alice, &file).await.done()?.body);
    }
    for stored in quick {
        expect_file_stored(&mut socket, &stored.file_id, &stored.name).await?;
    }
    slow.finish().await?;
    let Ok(text) = next_message(&mut socket).await? else {
        bail!("the socket was closed")
    };
    match serde_json::from_str::<Event>(&text)? {
        Event::FileStored { name, .. } => equal("the event", name, "slow.bin".to_owned()),
        Event::NotUnderstood => bail!("{text}"),
    }
}
