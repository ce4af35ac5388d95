//! Items 7 and 8: what was ended is over, at once, everywhere, and for good.

use super::deeds::{dead, disabled};
use super::people::{Town, with_password};
use crate::let_in::LetIn;
use crate::on::Stores;
use anyhow::{Context, bail, ensure};
use api_conformance::expect::equal;
use api_conformance::proof::Proof;
use api_conformance::raw::authority;
use api_contract::problem::ProblemKind;
use api_contract::tokens::{RefreshRequest, TokenIssued};
use api_contract::{Message, paths};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use http::Method;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::MaybeTlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Item 7. A logout at one replica is one at all three, whether the id came in its header or
/// as a cookie, and it stays one when Redis has forgotten everything or starts anew.
#[tokio::test]
async fn a_logout_is_one_everywhere_whatever_redis_forgets() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let (one, other) = (town.sign_in(&town.alice).await?, town.sign_in(&town.bob).await?);
    town.accept(&one).await?;
    town.accept(&other).await?;
    town.replica(0).client().end_session(&one).await.done()?;
    let Proof::Session(id) = &other else { bail!("no session") };
    let end = town.replica(1).client().request(Method::POST, paths::SESSION_END);
    let end = end.header("cookie", format!("session={}", id.expose()));
    let end = end.header("sec-fetch-site", "same-origin");
    town.replica(1).client().json::<Message>(end).await.done()?;

    let both_refused = async || {
        town.refuse(&one, ProblemKind::SessionUnknown).await?;
        town.refuse(&other, ProblemKind::SessionUnknown).await
    };
    both_refused().await?;
    let redis = redis::Client::open(town.redis().url.as_str())?;
    let mut redis = redis.get_multiplexed_async_connection().await?;
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await?;
    both_refused().await?;
    town.redis().kill9().await?;
    both_refused().await?;
    town.redis().restart().await?;
    both_refused().await
}

/// Item 7. A request that was let in before the logout, and ends after it, brings nothing
/// back.
#[tokio::test]
async fn a_slow_request_does_not_undo_a_logout() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    for replica in 0..3 {
        let alice = town.sign_in(&town.alice).await?;
        let slow = LetIn::to_upload(town.replica(replica), &alice).await?;
        town.replica(replica + 1).client().end_session(&alice).await.done()?;
        // What is answered is not asked here: the file may be there or not.
        slow.finish().await?;
        town.refuse(&alice, ProblemKind::SessionUnknown).await?;
    }
    Ok(())
}

/// The four ways in which all proofs of a person die.
const WAYS: [&str; 4] = ["signs out", "is signed out", "is disabled", "changes password"];

async fn end_all_of_alice(town: &Town, way: &str, proof: &Proof) -> anyhow::Result<()> {
    let root = town.sign_in(&town.root).await?;
    match way {
        "signs out" => drop(town.sign_out(proof).await.done()?),
        "is signed out" => drop(town.sign_out_as(&root, "alice").await.done()?),
        "is disabled" => {
            town.change_person(&root, "alice", &disabled(true)).await.done()?;
            let refused = town.target().sign_in(&town.alice).await;
            ensure!(refused.is_err(), "a disabled user logged in");
            town.change_person(&root, "alice", &disabled(false)).await.done()?;
        }
        _ => {
            let new = with_password("alice", "another-password-of-alice");
            town.change_password(proof, &town.alice, &new).await.done()?;
        }
    }
    Ok(())
}

/// Item 8. Five sessions and an open socket die at once on every replica when their owner
/// signs out everywhere, changes the password, is disabled or signed out by an admin.
#[tokio::test]
async fn all_sessions_of_a_person_can_be_ended_at_once() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    for way in WAYS {
        let logins = (0..5).map(|_| town.sign_in(&town.alice));
        let sessions = try_join_all(logins).await?;
        let bob = town.sign_in(&town.bob).await?;
        let socket = listen(&town, 2, &sessions[4]).await?;
        for session in &sessions {
            town.accept(session).await?;
        }
        end_all_of_alice(&town, way, &sessions[0]).await.context(way)?;
        for session in &sessions {
            let refused = town.refuse(session, ProblemKind::SessionUnknown).await;
            refused.context(way)?;
        }
        equal("why the socket closed", closed(socket).await.context(way)?, 1008)?;
        town.accept(&bob).await.context("somebody else's")?;
    }
    Ok(())
}

/// Item 8. Two families of refresh tokens, their access tokens and an open socket do, too.
#[tokio::test]
async fn all_tokens_of_a_person_can_be_ended_at_once() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "token", &[]).await?;
    for way in WAYS {
        let one = town.client().token(&town.alice).await.done()?.body;
        let other = town.client().token(&town.alice).await.done()?.body;
        let bob = town.sign_in(&town.bob).await?;
        let proof = Proof::Bearer(one.access_token.clone());
        let socket = listen(&town, 2, &proof).await?;
        town.accept(&proof).await?;
        end_all_of_alice(&town, way, &proof).await.context(way)?;
        for family in [&one, &other] {
            everything_is_dead(&town, family).await.context(way)?;
        }
        equal("why the socket closed", closed(socket).await.context(way)?, 1008)?;
        town.accept(&bob).await.context("somebody else's")?;
    }
    Ok(())
}

async fn everything_is_dead(town: &Town, family: &TokenIssued) -> anyhow::Result<()> {
    town.refuse(&Proof::Bearer(family.access_token.clone()), dead("token")).await?;
    let refresh_token = family.refresh_token.clone().context("a refresh token")?;
    let body = RefreshRequest { refresh_token };
    for replica in town.replicas() {
        let client = replica.client();
        let request = client.request(Method::POST, paths::TOKEN_REFRESH).json(&body);
        let outcome = client.json::<TokenIssued>(request).await;
        outcome.refused_as(ProblemKind::TokenInvalid)?;
    }
    Ok(())
}

async fn listen(town: &Town, replica: usize, who: &Proof) -> anyhow::Result<Socket> {
    let address = authority(&town.replica(replica).base_url)?.to_owned();
    let url = format!("ws://{address}{}", paths::EVENTS);
    let mut request = url.into_client_request()?;
    let (name, value) = who.header().context("a proof")?;
    request.headers_mut().insert(name, value);
    Ok(tokio_tungstenite::connect_async(request).await?.0)
}

/// The code with which the server closes, within two seconds and some patience.
async fn closed(mut socket: Socket) -> anyhow::Result<u16> {
    let code = async {
        while let Some(frame) = socket.next().await {
            if let Frame::Close(Some(why)) = frame? {
                return Ok(why.code.into());
            }
        }
        bail!("it ended without a word")
    };
    tokio::time::timeout(Duration::from_secs(6), code).await.context("it stays open")?
}
