//! The WebSocket `GET /api/events`: who may open one, who is heard on it, and how soon it
//! ends when the proof does. All of it through the balancer.

use crate::on::Stores;
use crate::security::deeds::disabled;
use crate::security::forge::{log_in, revoke};
use crate::security::people::Town;
use anyhow::{Context, bail, ensure};
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_conformance::raw::authority;
use api_contract::events::{Event, close};
use api_contract::paths;
use api_contract::secret::Secret;
use futures_util::{SinkExt, StreamExt};
use http::header::{COOKIE, ORIGIN};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The promise is two seconds; a busy machine may need more for its own part.
const SOON: Duration = Duration::from_secs(6);

/// Knocks with these headers; the socket, or the status of the refusal.
async fn knock(
    base_url: &str,
    query: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<Result<Socket, u16>> {
    let url = format!("ws://{}{}{query}", authority(base_url)?, paths::EVENTS);
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        let name: http::HeaderName = name.parse()?;
        request.headers_mut().append(name, value.parse()?);
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(Ok(socket)),
        Err(Error::Http(refusal)) => Ok(Err(refusal.status().as_u16())),
        Err(other) => Err(other.into()),
    }
}

async fn open(base_url: &str, proof: &Proof) -> anyhow::Result<Socket> {
    let (name, value) = proof.header().context("a proof")?;
    let opened = knock(base_url, "", &[(name.as_str(), value.to_str()?)]).await?;
    let mut socket = opened.map_err(|status| anyhow::anyhow!("refused with {status}"))?;
    // From here on it is being looked after.
    equal("the answer", ask(&mut socket, "ping").await?, Ok("pong".to_owned()))?;
    Ok(socket)
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

async fn ask(socket: &mut Socket, said: &str) -> anyhow::Result<Result<String, u16>> {
    socket.send(Message::text(said)).await?;
    heard(socket).await
}

/// Item 37. No socket without a living proof (401, before any upgrade), none with the
/// cookie from another site or from nowhere (403), and none with a secret in its URL (400).
#[tokio::test]
async fn a_socket_opens_only_for_a_known_caller_from_a_known_site() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let url = &town.farm.url;
    let browser = town.browser();
    let session = browser.log_in_session(&town.alice).await.done()?.body.session_id;
    let cookie = browser.cookies().and_then(|jar| jar.header()).context("a cookie")?;
    let cookie = cookie.to_str()?;
    let own = format!("http://{}", authority(url)?);
    let (cookie, id) = ((COOKIE.as_str(), cookie), ("x-session-id", session.expose()));
    let from = |site| (ORIGIN.as_str(), site);
    let made_up = "A".repeat(43);
    for (query, headers, expected) in [
        ("", &[][..], Some(401)),
        ("", &[("x-session-id", made_up.as_str())], Some(401)),
        ("", &[("authorization", "Bearer a.b.c")], Some(401)),
        ("", &[cookie], Some(403)),
        ("", &[cookie, from("https://evil.test")], Some(403)),
        ("", &[cookie, from("null")], Some(403)),
        ("", &[cookie, from(&format!("{own}.evil.test"))], Some(403)),
        ("", &[cookie, ("sec-fetch-site", "cross-site")], Some(403)),
        ("", &[id, from("https://evil.test")], Some(403)),
        ("", &[cookie, from(&own)], None),
        ("", &[id], None),
    ] {
        let found = knock(url, query, headers).await?.err();
        equal(&format!("{query} {headers:?}"), found, expected)?;
    }
    for name in ["token", "access_token", "session_id", "sid", "ticket", "password"] {
        let query = format!("?{name}={}", session.expose());
        for headers in [&[][..], &[id]] {
            let found = knock(url, &query, headers).await?.err();
            equal(&format!("?{name}="), found, Some(400))?;
        }
    }
    Ok(())
}

/// Item 37. However a proof dies, and on whichever replica: its sockets are closed with
/// 1008 soon after, and those of others stay open.
#[tokio::test]
async fn a_socket_is_closed_soon_after_its_proof_has_died() -> anyhow::Result<()> {
    type Deed = &'static str;
    const SESSION: [Deed; 4] = ["logout", "sign-out", "admin's sign-out", "disabled"];
    const TOKEN: [Deed; 4] = ["revoked", "sign-out", "admin's sign-out", "disabled"];
    for (design, deeds) in [("central", SESSION), ("token", TOKEN)] {
        let town = Town::new(Stores::Embedded, design, &[]).await?;
        let url = &town.farm.url;
        let root = town.sign_in(&town.root).await?;
        let mut bobs = open(url, &town.sign_in(&town.bob).await?).await?;
        for deed in deeds {
            let proof = town.sign_in(&town.alice).await?;
            let mut sockets = Vec::new();
            for replica in town.replicas() {
                sockets.push(open(&replica.base_url, &proof).await?);
            }
            sockets.push(open(url, &proof).await?);
            end(&town, deed, &proof, &root).await.context(deed)?;
            let ended = Instant::now();
            for socket in &mut sockets {
                let found =
                    heard(socket).await.with_context(|| format!("{design}, {deed}"))?;
                equal(deed, found, Err(close::NOT_ALLOWED))?;
            }
            let took = ended.elapsed();
            ensure!(took < SOON, "{design}, {deed}: closed after {took:?}");
        }
        equal("bob's", ask(&mut bobs, "ping").await?, Ok("pong".to_owned()))?;
    }
    Ok(())
}

async fn end(town: &Town, deed: &str, proof: &Proof, root: &Proof) -> anyhow::Result<()> {
    let client = town.replica(1).client();
    match (deed, proof) {
        ("logout", _) => drop(client.end_session(proof).await.done()?),
        ("revoked", Proof::Bearer(token)) => drop(revoke(&client, token).await.done()?),
        ("sign-out", _) => drop(town.sign_out(proof).await.done()?),
        ("admin's sign-out", _) => drop(town.sign_out_as(root, "alice").await.done()?),
        _ => drop(town.change_person(root, "alice", &disabled(true)).await.done()?),
    }
    Ok(())
}

/// Item 37. Each message is authorised: the first one after a logout is not answered any
/// more, however soon it comes.
#[tokio::test]
async fn a_message_after_the_logout_is_not_answered() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let town = Town::new(Stores::Real, design, &[]).await?;
        for round in 0..5 {
            let (access, _) = match design {
                "token" => log_in(&town.client(), &town.alice).await?,
                _ => (Secret::new(""), Secret::new("")),
            };
            let proof = match design {
                "token" => Proof::Bearer(access),
                _ => town.sign_in(&town.alice).await?,
            };
            let mut socket = open(&town.farm.url, &proof).await?;
            let deed = if design == "token" { "revoked" } else { "logout" };
            end(&town, deed, &proof, &Proof::None).await?;
            let answer = ask(&mut socket, "ping").await;
            let answer = answer.with_context(|| format!("{design}, round {round}"))?;
            equal("the answer", answer, Err(close::NOT_ALLOWED))?;
        }
    }
    Ok(())
}

/// Item 37. News of a file goes to its owner and to nobody else, of the same organisation
/// or another; there is no channel to ask for. A message longer than 64 KiB ends it.
#[tokio::test]
async fn news_reach_their_owner_alone_and_long_messages_nobody() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let url = &town.farm.url;
    let alice = town.sign_in(&town.alice).await?;
    let mut hers = open(url, &alice).await?;
    let mut others = Vec::new();
    for who in [&town.bob, &town.carol, &town.root] {
        let mut socket = open(url, &town.sign_in(who).await?).await?;
        for wish in
            [r#"{"subscribe":"alice"}"#, r#"{"subscribe":"t1"}"#, "subscribe *", "alice"]
        {
            let answer = ask(&mut socket, wish).await?.ok().context("it was closed")?;
            equal(
                "a wish",
                serde_json::from_str::<Event>(&answer)?,
                Event::NotUnderstood,
            )?;
        }
        others.push(socket);
    }
    for name in ["one.txt", "two.txt"] {
        let file = Upload::new(name, "x");
        let file_id = town.client().upload(&alice, &file).await.done()?.body.file_id;
        let news = heard(&mut hers).await?.ok().context("it was closed")?;
        let expected = Event::FileStored { file_id, name: name.to_owned() };
        equal("the news", serde_json::from_str::<Event>(&news)?, expected)?;
    }
    // By now another look would have told the others, too.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for socket in &mut others {
        equal("what others hear", ask(socket, "ping").await?, Ok("pong".to_owned()))?;
    }
    let long = "x".repeat(64 * 1024 + 1);
    equal("a long message", ask(&mut hers, &long).await?, Err(close::TOO_LONG))?;
    let mut again = open(url, &alice).await?;
    let bytes = Message::binary(vec![0; 64 * 1024 + 1]);
    again.send(bytes).await?;
    equal("long bytes", heard(&mut again).await?, Err(close::TOO_LONG))
}
