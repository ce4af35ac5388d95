//! Items 7 and 8: a logout or account change ends sessions and tokens immediately, on
//! every replica, and permanently.

use super::audited_actions::{disabled, revoked};
use super::test_app::{TestApp, with_password};
use crate::half_open::HalfOpenRequest;
use crate::stores::{StoreKind, flush};
use anyhow::{Context, bail, ensure};
use api_contract::problem::ProblemKind;
use api_contract::tokens::TokenIssued;
use api_contract::{Message, paths};
use client::Credential;
use client::expect::equal;
use client::raw::authority;
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

/// Item 7. A logout at one replica counts on all three, with the id in the header or in
/// the cookie, and still counts after Redis is flushed or restarted.
#[tokio::test]
async fn logout_survives_redis_data_loss_on_every_replica() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let (one, other) = (app.sign_in(&app.alice).await?, app.sign_in(&app.bob).await?);
    app.all_accept(&one).await?;
    app.all_accept(&other).await?;
    app.replica(0).client().end_session(&one).await.done()?;
    let Credential::Session(id) = &other else { bail!("no session") };
    let end = app.replica(1).client().request(Method::POST, paths::SESSION_END);
    let end = end.header("cookie", format!("session={}", id.expose()));
    let end = end.header("sec-fetch-site", "same-origin");
    app.replica(1).client().json::<Message>(end).await.done()?;

    let both_refused = async || {
        app.all_refuse(&one, ProblemKind::SessionUnknown).await?;
        app.all_refuse(&other, ProblemKind::SessionUnknown).await
    };
    both_refused().await?;
    flush(app.redis()).await?;
    both_refused().await?;
    app.redis().kill9().await?;
    both_refused().await?;
    app.redis().restart().await?;
    both_refused().await
}

/// Item 7. A request that was accepted before the logout and ends after it does not
/// restore the session.
#[tokio::test]
async fn slow_upload_does_not_undo_a_logout() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    for replica in 0..3 {
        let alice = app.sign_in(&app.alice).await?;
        let slow = HalfOpenRequest::upload(app.replica(replica), &alice).await?;
        app.replica(replica + 1).client().end_session(&alice).await.done()?;
        // The answer to the upload does not matter here: the file may exist or not.
        slow.finish().await?;
        app.all_refuse(&alice, ProblemKind::SessionUnknown).await?;
    }
    Ok(())
}

/// The four actions that revoke all credentials of an account.
const ACTIONS: [&str; 4] =
    ["signs out", "is signed out", "is disabled", "changes password"];

async fn revoke_all_of_alice(
    app: &TestApp,
    action: &str,
    credential: &Credential,
) -> anyhow::Result<()> {
    let root = app.sign_in(&app.root).await?;
    match action {
        "signs out" => drop(app.sign_out(credential).await.done()?),
        "is signed out" => drop(app.sign_out_as(&root, "alice").await.done()?),
        "is disabled" => {
            app.change_account(&root, "alice", &disabled(true)).await.done()?;
            let refused = app.target().sign_in(&app.alice).await;
            ensure!(refused.is_err(), "a disabled user logged in");
            app.change_account(&root, "alice", &disabled(false)).await.done()?;
        }
        _ => {
            let new = with_password("alice", "another-password-of-alice");
            app.change_password(credential, &app.alice, &new).await.done()?;
        }
    }
    Ok(())
}

/// Item 8. Five sessions and an open socket end immediately on every replica when the
/// account signs out everywhere, changes the password, is disabled, or is signed out by
/// an admin.
#[tokio::test]
async fn all_sessions_of_an_account_end_immediately() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    for action in ACTIONS {
        let logins = (0..5).map(|_| app.sign_in(&app.alice));
        let sessions = try_join_all(logins).await?;
        let bob = app.sign_in(&app.bob).await?;
        let socket = open_socket(&app, 2, &sessions[4]).await?;
        for session in &sessions {
            app.all_accept(session).await?;
        }
        revoke_all_of_alice(&app, action, &sessions[0]).await.context(action)?;
        for session in &sessions {
            let refused = app.all_refuse(session, ProblemKind::SessionUnknown).await;
            refused.context(action)?;
        }
        equal("the close code", close_code(socket).await.context(action)?, 1008)?;
        app.all_accept(&bob).await.context("another account")?;
    }
    Ok(())
}

/// Item 8. The same for two families of refresh tokens, their access tokens and an open
/// socket.
#[tokio::test]
async fn all_tokens_of_an_account_end_immediately() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    for action in ACTIONS {
        let one = app.client().token(&app.alice).await.done()?.body;
        let other = app.client().token(&app.alice).await.done()?.body;
        let bob = app.sign_in(&app.bob).await?;
        let credential = Credential::Bearer(one.access_token.clone());
        let socket = open_socket(&app, 2, &credential).await?;
        app.all_accept(&credential).await?;
        revoke_all_of_alice(&app, action, &credential).await.context(action)?;
        for family in [&one, &other] {
            check_family_revoked(&app, family).await.context(action)?;
        }
        equal("the close code", close_code(socket).await.context(action)?, 1008)?;
        app.all_accept(&bob).await.context("another account")?;
    }
    Ok(())
}

async fn check_family_revoked(app: &TestApp, family: &TokenIssued) -> anyhow::Result<()> {
    app.all_refuse(&Credential::Bearer(family.access_token.clone()), revoked("token"))
        .await?;
    let refresh_token = family.refresh_token.clone().context("a refresh token")?;
    for replica in app.replicas() {
        let outcome = replica.client().refresh(&refresh_token).await;
        outcome.refused_as(ProblemKind::TokenInvalid)?;
    }
    Ok(())
}

async fn open_socket(
    app: &TestApp,
    replica: usize,
    credential: &Credential,
) -> anyhow::Result<Socket> {
    let address = authority(&app.replica(replica).base_url)?.to_owned();
    let url = format!("ws://{address}{}", paths::EVENTS);
    let mut request = url.into_client_request()?;
    let (name, value) = credential.header().context("a credential")?;
    request.headers_mut().insert(name, value);
    Ok(tokio_tungstenite::connect_async(request).await?.0)
}

/// The close code of the server: documented within two seconds, here with time for a busy
/// machine.
async fn close_code(mut socket: Socket) -> anyhow::Result<u16> {
    let code = async {
        while let Some(frame) = socket.next().await {
            if let Frame::Close(Some(close)) = frame? {
                return Ok(close.code.into());
            }
        }
        bail!("the socket ended without a close frame")
    };
    tokio::time::timeout(Duration::from_secs(6), code)
        .await
        .context("the socket stays open")?
}
