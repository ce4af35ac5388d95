//! Refresh tokens: each is valid once, has one successor, and reuse revokes the token
//! family.

use crate::security::forge::log_in;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::{eventually, wait_idle};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::tokens::{RefreshRequest, TokenIssued};
use client::expect::equal;
use client::{CallResult, Credential};
use http::Method;
use http::header::RETRY_AFTER;
use sqlx::{Connection, Executor, SqliteConnection};
use std::time::Duration;

fn refresh_token(issued: TokenIssued) -> anyhow::Result<Secret> {
    issued.refresh_token.context("a refresh token")
}

/// Item 22. A refresh token that is reused after its grace period was stolen: its
/// successor and all access tokens of the family are refused on every replica. Other
/// logins of the account stay valid.
#[tokio::test]
async fn reused_refresh_token_revokes_its_family() -> anyhow::Result<()> {
    let grace = ["--refresh-grace-ms", "500"];
    let app = TestApp::new(StoreKind::Real, "token", &grace).await?;
    let [r1, r2, r3] = [0, 1, 2].map(|number| app.replica(number).client());
    let (first_access, first) = log_in(&r1, &app.alice).await?;
    let (other_login, _) = log_in(&r2, &app.alice).await?;
    let next = r2.refresh(&first).await.done()?.body;
    let accesses = [first_access, next.access_token.clone()].map(Credential::Bearer);
    for access in &accesses {
        app.all_accept(access).await?;
    }
    let next = refresh_token(next)?;

    wait_idle(Duration::from_millis(1_000)).await;
    r3.refresh(&first).await.refused_as(ProblemKind::TokenInvalid)?;
    for client in [&r1, &r2, &r3] {
        client.refresh(&next).await.refused_as(ProblemKind::TokenInvalid)?;
        client.refresh(&first).await.refused_as(ProblemKind::TokenInvalid)?;
    }
    for access in &accesses {
        app.all_refuse(access, ProblemKind::TokenInvalid).await?;
    }
    app.all_accept(&Credential::Bearer(other_login)).await
}

/// Item 22. Two concurrent refreshes with the same token on two replicas return the same
/// valid successor and raise no alarm. Ten pairs.
#[tokio::test]
async fn concurrent_refreshes_return_one_successor_without_an_alarm() -> anyhow::Result<()>
{
    let grace = ["--refresh-grace-ms", "3000"];
    let app = TestApp::new(StoreKind::Real, "token", &grace).await?;
    let mut successors = Vec::new();
    for round in 0..10 {
        let (first_client, second_client) =
            (app.replica(round).client(), app.replica(round + 1).client());
        let (_, token) = log_in(&first_client, &app.alice).await?;
        let both =
            tokio::join!(first_client.refresh(&token), second_client.refresh(&token));
        let one =
            refresh_token(both.0.done().with_context(|| format!("round {round}"))?.body)?;
        let other =
            refresh_token(both.1.done().with_context(|| format!("round {round}"))?.body)?;
        equal("the same successor", one == other, true)?;
        // A retry after a lost response gets the same successor.
        let third = app.replica(round + 2).client();
        let again = refresh_token(third.refresh(&token).await.done()?.body)?;
        equal("the same successor again", again == one, true)?;
        successors.push(one);
    }
    wait_idle(Duration::from_millis(3_100)).await;
    for successor in &successors {
        let next = app.client().refresh(successor).await.done()?.body;
        app.all_accept(&Credential::Bearer(next.access_token)).await?;
    }
    Ok(())
}

/// Item 22. A token family expires, regardless of refreshes.
#[tokio::test]
async fn token_family_expires_despite_refreshes() -> anyhow::Result<()> {
    let lifetimes = ["--refresh-ttl-ms", "3000", "--refresh-grace-ms", "200"];
    let app = TestApp::new(StoreKind::Embedded, "token", &lifetimes).await?;
    let client = app.client();
    let (_, mut token) = log_in(&client, &app.alice).await?;
    for _ in 0..3 {
        token = refresh_token(client.refresh(&token).await.done()?.body)?;
    }
    wait_idle(Duration::from_millis(3_500)).await;
    client.refresh(&token).await.refused_as(ProblemKind::TokenExpired)?;
    Ok(())
}

/// Checks a refusal by a limit and its `Retry-After`.
fn refused_with_retry_after<T: std::fmt::Debug>(
    outcome: CallResult<T>,
    kind: ProblemKind,
    window_s: u64,
) -> anyhow::Result<()> {
    let refused = outcome.refused_as(kind)?;
    let seconds: u64 = refused.header(RETRY_AFTER).context("no Retry-After")?.parse()?;
    ensure!((1..=window_s).contains(&seconds), "Retry-After: {seconds}");
    Ok(())
}

/// Item 22. The number of refreshes per login is limited over all replicas. The limit
/// ends by itself, does not affect other logins, and does not prevent a logout.
#[tokio::test]
async fn refreshes_per_login_are_limited_across_replicas() -> anyhow::Result<()> {
    let limits = ["--refreshes-per-login", "4", "--attempts-window-ms", "8000"];
    let app = TestApp::new(StoreKind::Embedded, "token", &limits).await?;
    let mut last = Vec::new();
    for account in [&app.alice, &app.bob] {
        let (mut access, mut token) = log_in(&app.client(), account).await?;
        for number in 0..4 {
            let next = app.replica(number).client().refresh(&token).await.done()?.body;
            access = next.access_token.clone();
            token = refresh_token(next)?;
        }
        for replica in app.replicas() {
            let outcome = replica.client().refresh(&token).await;
            refused_with_retry_after(outcome, ProblemKind::TooManyRequests, 8)?;
        }
        last.push((access, token));
    }
    let (access, token) = &last[0];
    app.client().revoke(token).await.done().context("a logout")?;
    app.all_refuse(&Credential::Bearer(access.clone()), ProblemKind::TokenInvalid)
        .await?;
    let (_, token) = &last[1];
    eventually(PROCESS_TIMEOUT, "the limit to end", async || {
        match app.client().refresh(token).await {
            CallResult::Done(_) => Ok(Some(())),
            other => other.refused_as(ProblemKind::TooManyRequests).map(|_| None),
        }
    })
    .await
}

/// Item 14. Invalid tokens do not block writers: they are looked up while another
/// connection holds the write lock. After the limit per address they are not looked up at
/// all.
#[tokio::test]
async fn invalid_tokens_are_counted_without_waiting_for_writers() -> anyhow::Result<()> {
    let limits = ["--attempts-per-address", "12"];
    let app = TestApp::new(StoreKind::Embedded, "token", &limits).await?;
    let client = app.client();
    let (_, genuine) = log_in(&client, &app.alice).await?;
    let file = app.stores.fixture.data_dir().join("records.sqlite");
    let mut writer =
        SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    writer.execute("BEGIN IMMEDIATE").await?;
    // The last of 43 characters has two unused bits.
    let invalid = |number: usize| Secret::new(format!("{number:B>42}A"));
    for number in 0..12 {
        if number % 2 == 0 {
            let refused = client.refresh(&invalid(number)).await;
            refused.refused_as(ProblemKind::TokenInvalid).context(number)?;
        } else {
            client.revoke(&invalid(number)).await.done().context(number)?;
        }
    }
    let too_many = ProblemKind::TooManyAttempts;
    for replica in app.replicas() {
        let client = replica.client();
        let refreshed = client.refresh(&invalid(12)).await;
        refused_with_retry_after(refreshed, too_many, 60)?;
        let revoked = client.revoke(&invalid(13)).await;
        refused_with_retry_after(revoked, too_many, 60)?;
    }
    refused_with_retry_after(client.refresh(&genuine).await, too_many, 60)?;
    writer.execute("ROLLBACK").await?;
    // Without the balancer, a client on this machine counts as a trusted proxy.
    let replica = app.replica(0).client();
    let body = RefreshRequest { refresh_token: genuine };
    let request = replica.request(Method::POST, paths::TOKEN_REFRESH).json(&body);
    let other_login = request.header("x-forwarded-for", "203.0.113.9");
    replica
        .json::<TokenIssued>(other_login)
        .await
        .done()
        .context("from another address")?;
    log_in(&client, &app.bob).await.context("a login with a password").map(drop)
}

/// As sessions: the newest hundred logins of an account live, the oldest end.
#[tokio::test]
async fn login_beyond_the_limit_ends_the_oldest_token_family() -> anyhow::Result<()> {
    for revocation in ["deny-list", "combined"] {
        let app =
            TestApp::new(StoreKind::Real, "token", &["--revocation", revocation]).await?;
        let client = app.client();
        let mut logins = Vec::new();
        for _ in 0..103 {
            logins.push(log_in(&client, &app.alice).await?);
        }
        for (number, (access, refresh_token)) in logins.iter().enumerate() {
            let credential = Credential::Bearer(access.clone());
            let (ended, context) = (number < 3, format!("{revocation}, login {number}"));
            if !ended && number > 4 && number < 101 {
                continue;
            }
            if ended {
                app.all_refuse(&credential, ProblemKind::TokenInvalid).await
            } else {
                app.all_accept(&credential).await
            }
            .context(context.clone())?;
            let refreshed = client.refresh(refresh_token).await.status()?.is_success();
            equal("the refresh", refreshed, !ended).context(context)?;
        }
    }
    Ok(())
}
