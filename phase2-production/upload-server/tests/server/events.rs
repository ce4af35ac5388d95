//! What is said on the WebSocket, and when it ends. Who may open one is item 37 of the
//! security suite.

use crate::let_in::LetIn;
use crate::on::{Stores, World};
use anyhow::{Context, bail, ensure};
use api_conformance::expect::equal;
use api_conformance::fixture::Started;
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_conformance::raw::authority;
use api_contract::events::{Event, close};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use futures_util::{SinkExt, StreamExt};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn open(started: &Started, proof: &Proof) -> anyhow::Result<Socket> {
    let address = authority(&started.base_url)?;
    let mut request = format!("ws://{address}{}", paths::EVENTS).into_client_request()?;
    let (name, value) = proof.header().context("a proof")?;
    request.headers_mut().insert(name, value);
    Ok(connect_async(request).await?.0)
}

/// The next text, or the code with which the socket is closed.
async fn heard(socket: &mut Socket) -> anyhow::Result<Result<String, u16>> {
    let next = async {
        while let Some(frame) = socket.next().await {
            match frame? {
                Message::Text(text) => return Ok(Ok(text.to_string())),
                Message::Close(Some(why)) => return Ok(Err(why.code.into())),
                _ => {}
            }
        }
        bail!("it ended without a word")
    };
    tokio::time::timeout(PATIENCE, next).await.context("nothing is heard")?
}

async fn hears(socket: &mut Socket, said: &str, answer: &str) -> anyhow::Result<()> {
    socket.send(Message::text(said)).await?;
    equal("the answer", heard(socket).await?, Ok(answer.to_owned()))
}

async fn hears_of(socket: &mut Socket, id: &str, name: &str) -> anyhow::Result<()> {
    let Ok(text) = heard(socket).await? else { bail!("it was closed") };
    let (file_id, name) = (id.to_owned(), name.to_owned());
    equal(
        "the news",
        serde_json::from_str::<Event>(&text)?,
        Event::FileStored { file_id, name },
    )
}

#[tokio::test]
async fn each_hears_once_of_their_own_new_files_from_whichever_replica()
-> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, true).await?;
    let one = world.replica("central", &["--replica-id", "r1"]).await?;
    let two = world.replica("central", &["--replica-id", "r2"]).await?;
    let alice = one.sign_in(&one.alice).await?;
    let bob = one.sign_in(&one.bob).await?;
    let old = Upload::new("old.txt", "old");
    two.client().upload(&alice, &old).await.done()?;

    let (mut here, mut there) = (open(&one, &alice).await?, open(&two, &alice).await?);
    let mut bobs = open(&one, &bob).await?;
    hears(&mut here, "ping", "pong").await?;
    hears(&mut there, "ping", "pong").await?;
    for name in ["first.txt", "second.txt"] {
        let file = Upload::new(name, name);
        let stored = two.client().upload(&alice, &file).await.done()?;
        hears_of(&mut here, &stored.body.file_id, name).await?;
        hears_of(&mut there, &stored.body.file_id, name).await?;
    }
    let stored = one.client().upload(&bob, &old).await.done()?;
    hears_of(&mut bobs, &stored.body.file_id, "old.txt").await?;
    // Had bob's been told to alice, it would come before this.
    hears(&mut here, "hello", r#"{"event":"not-understood"}"#).await
}

#[tokio::test]
async fn a_replica_that_stops_says_so_and_does_not_wait_for_who_listens()
-> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let mut started = world.replica("memory", &[]).await?;
    let proof = started.sign_in(&started.alice).await?;
    let mut socket = open(&started, &proof).await?;
    hears(&mut socket, "ping", "pong").await?;
    let (ended, heard) = tokio::join!(started.server.terminate(), heard(&mut socket));
    equal("the reason", heard?, Err(close::RESTART))?;
    ensure!(ended?.success(), "it did not end in order");
    Ok(())
}

#[tokio::test]
async fn a_socket_outlives_neither_its_session_nor_its_token() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, true).await?;
    let idle = world.replica("central", &["--idle-timeout-ms", "2500"]).await?;
    let token = world.replica("token", &["--token-ttl-ms", "2000"]).await?;
    for started in [&idle, &token] {
        let proof = started.sign_in(&started.alice).await?;
        let mut socket = open(started, &proof).await?;
        // Talking to the socket is no use of the session.
        let talking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                socket.send(Message::text("ping")).await?;
                if let Err(code) = heard(&mut socket).await? {
                    return Ok::<_, anyhow::Error>(code);
                }
            }
        };
        let code = tokio::time::timeout(Duration::from_secs(8), talking).await;
        equal("the reason", code.context("it stays open")??, close::NOT_ALLOWED)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_conversation() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let started = world.replica("memory", &[]).await?;
    let proof = started.sign_in(&started.alice).await?;
    let mut socket = open(&started, &proof).await?;
    let longest = "x".repeat(64 * 1024);
    hears(&mut socket, &longest, r#"{"event":"not-understood"}"#).await?;
    socket.send(Message::text(longest + "x")).await?;
    equal("the reason", heard(&mut socket).await?, Err(close::TOO_LONG))
}

#[tokio::test]
async fn one_caller_has_so_many_sockets_and_another_has_room() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let started = world.replica("memory", &[]).await?;
    let alice = started.sign_in(&started.alice).await?;
    let bob = started.sign_in(&started.bob).await?;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open(&started, &alice).await?);
    }
    let refused = open(&started, &alice).await.err().context("a ninth was opened")?;
    let Some(Error::Http(reply)) = refused.downcast_ref::<Error>() else {
        bail!("{refused:#}")
    };
    equal("status", reply.status(), ProblemKind::TooManyRequests.status())?;
    open(&started, &bob).await?;
    sockets.pop().context("there are eight")?.close(None).await?;
    let room_again = async || Ok(open(&started, &alice).await.ok().map(drop));
    api_conformance::eventually::eventually(PATIENCE, "room again", room_again).await
}

/// An idle socket costs the records nothing: one look serves all who listen.
#[tokio::test]
async fn sockets_cost_the_records_nothing_while_nothing_happens() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, false).await?;
    let started = world.replica("memory", &[]).await?;
    let mut sockets = Vec::new();
    for who in [&started.alice, &started.bob] {
        let proof = started.sign_in(who).await?;
        for _ in 0..8 {
            let mut socket = open(&started, &proof).await?;
            hears(&mut socket, "ping", "pong").await?;
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
    let looks =
        api_conformance::eventually::eventually(PATIENCE, "five looks", async || {
            let looks = figure("upload_server_event_polls_total").await? - before.0;
            Ok((looks >= 5.0).then_some(looks))
        })
        .await?;
    let transactions = figure(TRANSACTIONS).await? - before.1;
    // One more look may have begun, and the janitor may have gone round.
    ensure!(transactions <= looks + 6.0, "{transactions} transactions in {looks} looks");
    Ok(())
}

/// Begun first and finished last: a file is news when it has come to be, however many have
/// overtaken it.
#[tokio::test]
async fn an_upload_that_many_others_overtook_is_news_all_the_same() -> anyhow::Result<()>
{
    let world = World::new(Stores::Embedded, false).await?;
    let one = world.replica("token", &["--replica-id", "r1"]).await?;
    let two = world.replica("token", &["--replica-id", "r2"]).await?;
    let alice = one.sign_in(&one.alice).await?;
    let mut socket = open(&one, &alice).await?;
    hears(&mut socket, "ping", "pong").await?;
    let slow = LetIn::to_upload(&two, &alice).await?;
    let mut quick = Vec::new();
    for number in 0..30 {
        let file = Upload::new(format!("{number}.txt"), "quick");
        quick.push(two.client().upload(&alice, &file).await.done()?.body);
    }
    for stored in quick {
        hears_of(&mut socket, &stored.file_id, &stored.name).await?;
    }
    slow.finish().await?;
    let Ok(text) = heard(&mut socket).await? else { bail!("it was closed") };
    match serde_json::from_str::<Event>(&text)? {
        Event::FileStored { name, .. } => equal("the news", name, "slow.bin".to_owned()),
        Event::NotUnderstood => bail!("{text}"),
    }
}
