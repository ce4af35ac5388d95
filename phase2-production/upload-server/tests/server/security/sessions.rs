//! Items 1 to 4: the form of a session id, ids that open no session, and the replacement
//! of an id by a new one.

use super::audited_actions::{revoked, role};
use super::test_app::{TestApp, with_password};
use crate::stores::{StoreKind, connection_to};
use anyhow::ensure;
use api_contract::accounts::AccountRole;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::{LoginRequest, Message};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::expect::equal;
use client::{Client, Credential, Upload};
use futures_util::future::try_join_all;
use http::Method;
use http::header::SET_COOKIE;
use std::collections::HashSet;

/// Logins per sample. The source list asks for 1,000; 160 suffice to detect a bit that is
/// not random.
const SAMPLE: usize = 160;

/// Concurrent requests.
const CONCURRENT_REQUESTS: usize = 8;

/// Item 1. A session id is a random number of 256 bits without time, counter, name or
/// shared part. The same holds for refresh tokens.
#[tokio::test]
async fn session_ids_and_refresh_tokens_are_random_numbers() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let log_in = async |account: &LoginRequest| {
        let started = app.client().log_in_session(account).await.done()?.body;
        Ok(started.session_id)
    };
    check_randomness(&sample(&app, log_in).await?)?;
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let log_in = async |account: &LoginRequest| {
        let issued = app.client().token(account).await.done()?.body;
        Ok(issued.refresh_token.expect("Phase 2 issues refresh tokens"))
    };
    check_randomness(&sample(&app, log_in).await?)
}

async fn sample(
    app: &TestApp,
    log_in: impl AsyncFn(&LoginRequest) -> anyhow::Result<Secret>,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    while ids.len() < SAMPLE {
        let logins = (0..CONCURRENT_REQUESTS)
            .map(|number| log_in(if number % 2 == 0 { &app.alice } else { &app.bob }));
        let batch = try_join_all(logins).await?;
        ids.extend(batch.into_iter().map(|id| id.expose().to_owned()));
    }
    Ok(ids)
}

/// Checks that no bit is biased, that consecutive ids do not resemble each other, and
/// that no id repeats. A black-box test can only disprove randomness. The limits are
/// seven standard deviations wide.
fn check_randomness(ids: &[String]) -> anyhow::Result<()> {
    equal("different ids", ids.iter().collect::<HashSet<_>>().len(), ids.len())?;
    let mut numbers = Vec::new();
    for id in ids {
        equal("characters", id.len(), 43)?;
        numbers.push(URL_SAFE_NO_PAD.decode(id)?);
    }
    for place in 0..256 {
        let bit = |number: &Vec<u8>| number[place / 8] >> (place % 8) & 1 == 1;
        let ones = numbers.iter().filter(|number| bit(number)).count();
        ensure!((36..=124).contains(&ones), "bit {place} is 1 in {ones} of {SAMPLE}");
    }
    for pair in numbers.windows(2) {
        let both = pair[0].iter().zip(&pair[1]);
        let differ: u32 = both.map(|(one, other)| (one ^ other).count_ones()).sum();
        ensure!(differ >= 72, "two ids that differ in {differ} of 256 bits");
    }
    Ok(())
}

/// Item 2. Requests with an invalid session id, or without one, store nothing: no row, no
/// Redis key, no cookie. (400 requests of each kind instead of 1,000.)
#[tokio::test]
async fn invalid_session_ids_store_nothing() -> anyhow::Result<()> {
    // The count of unknown ids is one key in Redis for an address and a window.
    let limits = ["--attempts-per-address", "10000", "--attempts-window-ms", "600000"];
    let app = TestApp::new(StoreKind::Real, "central", &limits).await?;
    app.sign_in(&app.alice).await?;
    send_invalid_ids(&app, 6).await?;
    let before = stored_entries(&app).await?;
    send_invalid_ids(&app, 400).await?;
    equal("stored sessions and keys", stored_entries(&app).await?, before)
}

async fn send_invalid_ids(app: &TestApp, times: usize) -> anyhow::Result<()> {
    let numbers: Vec<_> = (0..times).collect();
    for batch in numbers.chunks(CONCURRENT_REQUESTS) {
        try_join_all(batch.iter().map(|number| send_invalid_id(app, *number))).await?;
    }
    Ok(())
}

async fn send_invalid_id(app: &TestApp, number: usize) -> anyhow::Result<()> {
    let client = app.replica(number).client();
    let invalid = format!("{number:043}");
    let (method, path) = [
        (Method::GET, paths::SESSION),
        (Method::GET, paths::FILES),
        (Method::POST, paths::SESSION_END),
        (Method::POST, paths::ACCOUNT_SIGN_OUT),
    ][number / 3 % 4]
        .clone();
    let request = || client.request(method.clone(), path);
    for request in [
        request(),
        request().header("x-session-id", &invalid),
        request()
            .header("cookie", format!("session={invalid}"))
            .header("sec-fetch-site", "same-origin"),
    ] {
        let outcome = client.json::<Message>(request).await;
        let refusal = outcome.refused_as(ProblemKind::SessionUnknown)?;
        equal("Set-Cookie", refusal.header(SET_COOKIE), None)?;
    }
    Ok(())
}

async fn stored_entries(app: &TestApp) -> anyhow::Result<(i64, i64)> {
    let mut owner = app.stores.owner().await?;
    let count = "SELECT count(*) FROM sessions";
    let rows = sqlx::query_scalar(count).fetch_one(&mut owner).await?;
    let mut connection = connection_to(app.redis()).await?;
    Ok((rows, redis::cmd("DBSIZE").query_async(&mut connection).await?))
}

/// Item 3. A login returns a new id and ignores the one in the browser: a planted id
/// stays invalid, and the previous session ends on every replica (session fixation).
#[tokio::test]
async fn login_always_returns_a_new_session_id() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let browser = app.browser();
    let planted = "A".repeat(43);
    browser.cookies().expect("the browser keeps cookies").set("session", &planted);
    let first = log_in(&browser, &app.alice).await?;
    let second = log_in(&browser, &app.alice).await?;
    ensure!(first.expose() != planted && second != first, "an id was reused");
    app.all_accept(&Credential::Session(second)).await?;
    for old in [Secret::new(planted), first] {
        app.all_refuse(&Credential::Session(old), ProblemKind::SessionUnknown).await?;
    }
    Ok(())
}

/// A login from a page of this site, with the cookies of the browser.
async fn log_in(browser: &Client, account: &LoginRequest) -> anyhow::Result<Secret> {
    let request = browser.request(Method::POST, paths::SESSION_START).json(account);
    let request = request.header("sec-fetch-site", "same-origin");
    let started = browser.json::<SessionStarted>(request).await.done()?;
    Ok(started.body.session_id)
}

/// Item 3. After a change of password or role, every older credential is refused on every
/// replica, and new credentials have the new rights.
#[tokio::test]
async fn password_or_role_change_revokes_older_credentials() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Real, design, &[]).await?;
        let old = app.sign_in(&app.alice).await?;
        let new = with_password("alice", "another-password-of-alice");
        app.all_accept(&old).await?;
        app.change_password(&old, &app.alice, &new).await.done()?;
        app.all_refuse(&old, revoked(design)).await?;
        let refused = app.target().sign_in(&app.alice).await;
        ensure!(refused.is_err(), "the old password still works");
        app.all_accept(&app.sign_in(&new).await?).await?;

        let (member, root) =
            (app.sign_in(&app.bob).await?, app.sign_in(&app.root).await?);
        let as_admin = role(AccountRole::Admin);
        let forbidden = app.change_account(&member, "bob", &as_admin).await;
        forbidden.refused_as(ProblemKind::Forbidden)?;
        app.change_account(&root, "bob", &as_admin).await.done()?;
        app.all_refuse(&member, revoked(design)).await?;
        let admin = app.sign_in(&app.bob).await?;
        app.change_account(&admin, "bob", &role(AccountRole::Member)).await.done()?;
        app.all_refuse(&admin, revoked(design)).await?;
    }
    Ok(())
}

/// Item 4. A login in a browser with another account's session shows nothing of that
/// session and ends it.
#[tokio::test]
async fn second_login_in_a_browser_ends_the_first_session() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let browser = app.browser();
    let alice = Credential::Session(log_in(&browser, &app.alice).await?);
    app.client().upload(&alice, &Upload::new("of-alice.txt", "x")).await.done()?;
    log_in(&browser, &app.bob).await?;
    let view = browser.request(Method::GET, paths::SESSION);
    let view = browser.json::<SessionView>(view).await.done()?.body;
    equal("the account of the session", view.username.as_str(), "bob")?;
    equal("files of alice in the session", view.files_uploaded.len(), 0)?;
    app.all_refuse(&alice, ProblemKind::SessionUnknown).await
}
