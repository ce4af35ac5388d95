//! The WebSocket `GET /api/events`: authorisation, recipients of events, and closing
//! after a revocation. All tests go through the balancer.

use crate::security::audited_actions::disabled;
use crate::security::forge::log_in;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, bail, ensure};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::events::{Event, close};
use api_contract::paths;
use api_contract::secret::Secret;
use client::expect::equal;
use client::raw::authority;
use client::{Credential, Upload};
use futures_util::{SinkExt, StreamExt};
use http::header::{COOKIE, ORIGIN};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The documented limit is two seconds; the rest allows for a busy machine.
const MAX_CLOSE_DELAY: Duration = Duration::from_secs(6);

/// Opens a socket with these headers; returns the socket or the status of the refusal.
async fn connect(
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

async fn open(base_url: &str, credential: &Credential) -> anyhow::Result<Socket> {
    let (name, value) = credential.header().context("a credential")?;
    let opened = connect(base_url, "", &[(name.as_str(), value.to_str()?)]).await?;
    let mut socket = opened.map_err(|status| anyhow::anyhow!("refused with {status}"))?;
    // After the reply, the server has registered the socket.
    equal("the reply", exchange(&mut socket, "ping").await?, Ok("pong".to_owned()))?;
    Ok(socket)
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

async fn exchange(
    socket: &mut Socket,
    message: &str,
) -> anyhow::Result<Result<String, u16>> {
    socket.send(Message::text(message)).await?;
    next_message(socket).await
}

/// Item 37. A socket needs a valid credential (else 401, before the upgrade). With the
/// cookie it needs the origin of this site (else 403). A secret in the URL is refused
/// (400).
#[tokio::test]
async fn socket_needs_a_valid_credential_and_origin() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let url = &app.cluster.url;
    let browser = app.browser();
    let session = browser.log_in_session(&app.alice).await.done()?.body.session_id;
    let cookie = browser.cookies().and_then(|jar| jar.header()).context("a cookie")?;
    let cookie = cookie.to_str()?;
    let own = format!("http://{}", authority(url)?);
    let (cookie, id) = ((COOKIE.as_str(), cookie), ("x-session-id", session.expose()));
    let from = |site| (ORIGIN.as_str(), site);
    let invalid = "A".repeat(43);
    for (query, headers, expected) in [
        ("", &[][..], Some(401)),
        ("", &[("x-session-id", invalid.as_str())], Some(401)),
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
        let found = connect(url, query, headers).await?.err();
        equal(&format!("{query} {headers:?}"), found, expected)?;
    }
    for name in ["token", "access_token", "session_id", "sid", "ticket", "password"] {
        let query = format!("?{name}={}", session.expose());
        for headers in [&[][..], &[id]] {
            let found = connect(url, &query, headers).await?.err();
            equal(&format!("?{name}="), found, Some(400))?;
        }
    }
    Ok(())
}

/// Item 37. After a revocation of any kind on any replica, the sockets of the credential
/// are closed with 1008 soon. Sockets of other accounts stay open.
#[tokio::test]
async fn socket_closes_soon_after_its_credential_is_revoked() -> anyhow::Result<()> {
    type Action = &'static str;
    const SESSION: [Action; 4] = ["logout", "sign-out", "admin's sign-out", "disabled"];
    const TOKEN: [Action; 4] = ["revoked", "sign-out", "admin's sign-out", "disabled"];
    for (design, actions) in [("central", SESSION), ("token", TOKEN)] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        let url = &app.cluster.url;
        let root = app.sign_in(&app.root).await?;
        let mut bob_socket = open(url, &app.sign_in(&app.bob).await?).await?;
        for action in actions {
            let credential = app.sign_in(&app.alice).await?;
            let mut sockets = Vec::new();
            for replica in app.replicas() {
                sockets.push(open(&replica.base_url, &credential).await?);
            }
            sockets.push(open(url, &credential).await?);
            revoke_by(&app, action, &credential, &root).await.context(action)?;
            let revoked_at = Instant::now();
            for socket in &mut sockets {
                let found = next_message(socket)
                    .await
                    .with_context(|| format!("{design}, {action}"))?;
                equal(action, found, Err(close::NOT_ALLOWED))?;
            }
            let elapsed = revoked_at.elapsed();
            ensure!(
                elapsed < MAX_CLOSE_DELAY,
                "{design}, {action}: closed after {elapsed:?}"
            );
        }
        equal(
            "the socket of bob",
            exchange(&mut bob_socket, "ping").await?,
            Ok("pong".to_owned()),
        )?;
    }
    Ok(())
}

async fn revoke_by(
    app: &TestApp,
    action: &str,
    credential: &Credential,
    root: &Credential,
) -> anyhow::Result<()> {
    let client = app.replica(1).client();
    match (action, credential) {
        ("logout", _) => drop(client.end_session(credential).await.done()?),
        ("revoked", Credential::Bearer(token)) => {
            drop(client.revoke(token).await.done()?)
        }
        ("sign-out", _) => drop(app.sign_out(credential).await.done()?),
        ("admin's sign-out", _) => drop(app.sign_out_as(root, "alice").await.done()?),
        _ => drop(app.change_account(root, "alice", &disabled(true)).await.done()?),
    }
    Ok(())
}

/// Item 37. Each message is authorised: the first message after a logout gets no reply,
/// even immediately afterwards.
#[tokio::test]
async fn message_after_logout_gets_no_reply() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Real, design, &[]).await?;
        for round in 0..5 {
            let (access, _) = match design {
                "token" => log_in(&app.client(), &app.alice).await?,
                _ => (Secret::new(""), Secret::new("")),
            };
            let credential = match design {
                "token" => Credential::Bearer(access),
                _ => app.sign_in(&app.alice).await?,
            };
            let mut socket = open(&app.cluster.url, &credential).await?;
            let action = if design == "token" { "revoked" } else { "logout" };
            revoke_by(&app, action, &credential, &Credential::None).await?;
            let answer = exchange(&mut socket, "ping").await;
            let answer = answer.with_context(|| format!("{design}, round {round}"))?;
            equal("the reply", answer, Err(close::NOT_ALLOWED))?;
        }
    }
    Ok(())
}

/// Item 37. The event of a file goes to its owner only, not to other accounts of the same
/// or another organisation. There are no channels to subscribe to. A message longer than
/// 64 KiB closes the socket.
#[tokio::test]
async fn file_events_reach_only_the_owner() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let url = &app.cluster.url;
    let alice = app.sign_in(&app.alice).await?;
    let mut socket_of_alice = open(url, &alice).await?;
    let mut others = Vec::new();
    for account in [&app.bob, &app.carol, &app.root] {
        let mut socket = open(url, &app.sign_in(account).await?).await?;
        for subscription in
            [r#"{"subscribe":"alice"}"#, r#"{"subscribe":"t1"}"#, "subscribe *", "alice"]
        {
            let reply = exchange(&mut socket, subscription).await?.ok();
            let reply = serde_json::from_str::<Event>(&reply.context("closed")?)?;
            equal("the reply to a subscription", reply, Event::NotUnderstood)?;
        }
        others.push(socket);
    }
    for name in ["one.txt", "two.txt"] {
        let file = Upload::new(name, "x");
        let file_id = app.client().upload(&alice, &file).await.done()?.body.file_id;
        let event = next_message(&mut socket_of_alice).await?.ok().context("closed")?;
        let expected = Event::FileStored { file_id, name: name.to_owned() };
        equal("the event", serde_json::from_str::<Event>(&event)?, expected)?;
    }
    // By then, another poll would have delivered the events to other sockets.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for socket in &mut others {
        let next = exchange(socket, "ping").await?;
        equal("the next message of other accounts", next, Ok("pong".to_owned()))?;
    }
    let long = "x".repeat(64 * 1024 + 1);
    let after_long = exchange(&mut socket_of_alice, &long).await?;
    equal("a long message", after_long, Err(close::TOO_LONG))?;
    let mut again = open(url, &alice).await?;
    let bytes = Message::binary(vec![0; 64 * 1024 + 1]);
    again.send(bytes).await?;
    equal("long bytes", next_message(&mut again).await?, Err(close::TOO_LONG))
}
