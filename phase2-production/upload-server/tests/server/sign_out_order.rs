//! `replicated`: a sign-out ends every earlier session, whatever the clocks of the replicas
//! say.

use crate::PROGRAM;
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::problem::ProblemKind;
use api_contract::{LoginRequest, Message, paths};
use client::{AuthScheme, Credential};
use http::Method;
use serde_json::json;
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use upload_domain::accounts::random_password;
use upload_domain::passwords::{self, HashCost};

/// One replica with the right time, and one that is ahead, but ready.
async fn replicas(fixture: &Fixture) -> anyhow::Result<[Started; 2]> {
    let ports = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    let [one, other] = ports.map(|port| port.local_addr().map(|at| at.to_string()));
    let (one, other) = (one?, other?);
    let start = async |flags: &[&str]| {
        let flags: Vec<_> =
            ["--design", "replicated"].iter().chain(flags).copied().collect();
        fixture.start(PROGRAM, AuthScheme::Session, &flags).await
    };
    let right = start(&["--replica-id", "r1", "--gossip-listen", &one]).await?;
    let ahead = start(&[
        "--replica-id",
        "r2",
        "--gossip-listen",
        &other,
        "--gossip-seed",
        &one,
        "--clock-offset-ms",
        "900",
    ])
    .await?;
    Ok([right, ahead])
}

fn write_users(fixture: &Fixture, root: &LoginRequest) -> anyhow::Result<()> {
    let entry = |account: &LoginRequest, admin: bool| {
        let hash = passwords::hash(account.password.expose(), HashCost::Minimal)?;
        anyhow::Ok(json!({ "username": account.username, "password_hash": hash,
                           "organisation": "main", "admin": admin }))
    };
    let users = [entry(&fixture.alice, false)?, entry(root, true)?];
    let text = json!({ "users": users }).to_string();
    Ok(std::fs::write(fixture.users_file(), text)?)
}

async fn post(
    at: &Started,
    by: &Credential,
    (method, path): (Method, &str),
    body: serde_json::Value,
) -> anyhow::Result<()> {
    let client = at.client();
    let request = client.authenticated(by, method, path).json(&body);
    let reply = client.send(request).await?;
    anyhow::ensure!(reply.status.is_success(), "{path}: {reply:?}");
    Ok(())
}

/// Makes a change that ends all sessions of alice, by herself or by an admin.
async fn end_sessions(
    change: &str,
    at: &Started,
    (own, admin): (&Credential, &Credential),
    password: &mut LoginRequest,
) -> anyhow::Result<()> {
    let user = paths::ADMIN_USER.replace("{username}", "alice");
    match change {
        "sign-out" => {
            let path = (Method::POST, paths::ACCOUNT_SIGN_OUT);
            post(at, own, path, json!({})).await
        }
        "admin-sign-out" => {
            let path = paths::ADMIN_USER_SIGN_OUT.replace("{username}", "alice");
            post(at, admin, (Method::POST, &path), json!({})).await
        }
        "password" => {
            let new = "another-password-of-alice";
            let old = password.password.expose().to_owned();
            let body = json!({ "current": old, "new": new });
            password.password = new.to_owned().into();
            post(at, own, (Method::POST, paths::ACCOUNT_PASSWORD), body).await
        }
        "role" => {
            post(at, admin, (Method::PATCH, &user), json!({ "role": "admin" })).await
        }
        _ => post(at, admin, (Method::PATCH, &user), json!({ "disabled": true })).await,
    }
}

#[tokio::test]
async fn sign_out_ends_sessions_born_under_a_fast_clock() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let root =
        LoginRequest { username: "root".to_owned(), password: random_password().into() };
    write_users(&fixture, &root)?;
    let [right, ahead] = replicas(&fixture).await?;
    let admin = right.sign_in(&root).await?;
    let mut password = fixture.alice.clone();
    for change in ["sign-out", "admin-sign-out", "password", "role", "disable"] {
        let young = ahead.sign_in(&password).await?;
        let own = right.sign_in(&password).await?;
        let began = Instant::now();
        end_sessions(change, &right, (&own, &admin), &mut password).await?;
        println!("{change} took {:?}", began.elapsed());
        for replica in [&right, &ahead] {
            eventually(PROCESS_TIMEOUT.min(Duration::from_secs(3)), change, async || {
                let refused = replica.refuses(&young, ProblemKind::SessionUnknown).await;
                Ok(refused.ok())
            })
            .await?;
        }
        if change != "disable" {
            // A session that was born after the change lives, also one of the slower clock.
            let later = right.sign_in(&password).await?;
            for replica in [&right, &ahead] {
                eventually(PROCESS_TIMEOUT, "the new session", async || {
                    Ok(replica.accepts(&later).await.ok())
                })
                .await?;
            }
        }
    }
    Ok(())
}

/// The change is made where the clock is ahead; the next login comes where it is right.
#[tokio::test]
async fn login_after_a_sign_out_lives_despite_a_slower_clock() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    let [right, ahead] = replicas(&fixture).await?;
    for _ in 0..3 {
        let old = ahead.sign_in(&fixture.alice).await?;
        let client = ahead.client();
        let path = paths::ACCOUNT_SIGN_OUT;
        let request = client.authenticated(&old, Method::POST, path);
        client.json::<Message>(request).await.done()?;
        let new = right.sign_in(&fixture.alice).await?;
        for replica in [&right, &ahead] {
            replica.accepts(&new).await?;
            eventually(PROCESS_TIMEOUT, "the old session to end", async || {
                Ok(replica.refuses(&old, ProblemKind::SessionUnknown).await.ok())
            })
            .await?;
        }
    }
    Ok(())
}
