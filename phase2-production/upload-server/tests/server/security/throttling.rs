//! Item 14: password guesses are limited over all replicas together.

use super::test_app::{TestApp, with_password};
use crate::stores::{REDIS_ATTEMPTS, StoreKind};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::{FileList, ListQuery};
use api_contract::problem::ProblemKind;
use api_contract::sessions::SessionStarted;
use api_contract::{LoginRequest, Message, paths};
use client::expect::equal;
use client::{CallResult, Credential};
use http::header::RETRY_AFTER;
use http::{Method, StatusCode};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Sends a guess through the balancer, with a forged client address in the forwarding
/// headers.
async fn guess(
    app: &TestApp,
    login: &LoginRequest,
    from: usize,
) -> CallResult<SessionStarted> {
    let client = app.client();
    let address = format!("203.0.113.{from}");
    let request = client.request(Method::POST, paths::SESSION_START).json(login);
    let request = request
        .header("x-forwarded-for", &address)
        .header("x-real-ip", &address)
        .header("forwarded", format!("for={address}"));
    client.json(request).await
}

/// Item 14. Ten wrong passwords for one account lock it: they are counted over all
/// replicas, and forged addresses do not matter. While locked, the right password is
/// refused too. Other accounts are not affected. The lock ends by itself.
#[tokio::test]
async fn ten_wrong_passwords_lock_an_account_temporarily() -> anyhow::Result<()> {
    let app =
        TestApp::new(StoreKind::Embedded, "central", &["--attempts-window-ms", "5000"])
            .await?;
    let wrong = with_password("alice", "wrong");
    let mut replicas = HashSet::new();
    for number in 0..10 {
        let refused = guess(&app, &wrong, number).await;
        let refused = refused.refused_as(ProblemKind::InvalidCredentials)?;
        replicas.insert(refused.served_by().context("no replica id")?.to_owned());
    }
    equal("replicas that answered", replicas.len(), 3)?;
    for number in 10..16 {
        let login = if number % 2 == 0 { &wrong } else { &app.alice };
        let refused = guess(&app, login, number).await;
        let refused = refused.refused_as(ProblemKind::TooManyAttempts)?;
        let seconds: u64 =
            refused.header(RETRY_AFTER).context("no Retry-After")?.parse()?;
        ensure!((1..=5).contains(&seconds), "Retry-After: {seconds}");
    }
    guess(&app, &app.bob, 0).await.done().context("bob sent no guess")?;
    eventually(PROCESS_TIMEOUT, "the lock to end", async || {
        match guess(&app, &app.alice, 0).await {
            CallResult::Done(_) => Ok(Some(())),
            refused => refused.refused_as(ProblemKind::TooManyAttempts).map(|_| None),
        }
    })
    .await
}

/// Item 14. An address that tries one account after the other is limited as well. Forged
/// addresses do not help.
#[tokio::test]
async fn guesses_of_one_address_are_limited_across_accounts() -> anyhow::Result<()> {
    let app =
        TestApp::new(StoreKind::Embedded, "central", &["--attempts-per-address", "20"])
            .await?;
    for number in 0..20 {
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let refused = guess(&app, &wrong, number).await;
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    for number in 20..26 {
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let refused = guess(&app, &wrong, number).await;
        refused.refused_as(ProblemKind::TooManyAttempts)?;
    }
    Ok(())
}

/// Item 14. Of thirty concurrent guesses exactly ten are checked.
#[tokio::test]
async fn concurrent_guesses_are_all_counted() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let wrong = with_password("alice", "wrong");
    let guesses = (0..30).map(|number| guess(&app, &wrong, number));
    let answers = futures_util::future::join_all(guesses).await;
    let mut checked = 0;
    for answer in answers {
        match answer.status()?.as_u16() {
            401 => checked += 1,
            status => equal("the status", status, 429)?,
        }
    }
    equal("checked guesses", checked, 10)
}

/// Item 14. A class shares the demo accounts: right passwords at the same moment wait for each
/// other and are all accepted, at one replica and over all of them, and then the account is
/// not locked.
#[tokio::test]
async fn concurrent_right_passwords_are_all_accepted() -> anyhow::Result<()> {
    for design in ["central", "memory"] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        for spread in [1, 3] {
            let logins = (0..40).map(|number| {
                let client = app.replica(number % spread).client();
                let alice = &app.alice;
                async move { client.log_in_session(alice).await }
            });
            for outcome in futures_util::future::join_all(logins).await {
                outcome.done().with_context(|| format!("{design} over {spread}"))?;
            }
        }
        let wrong = with_password("alice", "wrong");
        let refused = app.replica(0).client().log_in_session(&wrong).await;
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    Ok(())
}

/// Item 14. Wrong passwords fill the window also when right ones are under way.
#[tokio::test]
async fn wrong_passwords_among_right_ones_are_counted() -> anyhow::Result<()> {
    let wrong = with_password("alice", "wrong");
    for _attempt in 0..REDIS_ATTEMPTS {
        let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
        let logins = (0..45).map(|number| {
            guess(&app, if number % 3 == 0 { &app.alice } else { &wrong }, number)
        });
        let mut checked = 0;
        for outcome in futures_util::future::join_all(logins).await {
            checked += usize::from(outcome.status()? == StatusCode::UNAUTHORIZED);
        }
        let late = guess(&app, &app.alice, 0).await;
        if !app.has_counted_locally().await? {
            late.refused_as(ProblemKind::TooManyAttempts)?;
            return equal("checked guesses", checked, 10);
        }
    }
    anyhow::bail!("Redis was too slow in each of {REDIS_ATTEMPTS} attempts")
}

/// Item 14. Passwords that are checked outside the login count too.
#[tokio::test]
async fn every_password_check_counts_as_a_guess() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let (wrong, new) = (with_password("alice", "wrong"), with_password("alice", "x"));
    let new = LoginRequest { password: format!("{:20}", new.username).into(), ..new };
    let alice = app.sign_in(&app.alice).await?;
    for number in 0..10 {
        let refused: CallResult<()> = match number % 3 {
            0 => without_body(app.client().token(&wrong).await),
            1 => without_body::<FileList>(basic(&app, &wrong).await),
            _ => without_body::<Message>(app.change_password(&alice, &wrong, &new).await),
        };
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    let too_many = ProblemKind::TooManyAttempts;
    app.client().token(&app.alice).await.refused_as(too_many)?;
    basic(&app, &app.alice).await.refused_as(too_many)?;
    app.change_password(&alice, &app.alice, &new).await.refused_as(too_many)?;
    // Guesses by others do not end existing logins.
    app.all_accept(&alice).await
}

async fn basic(app: &TestApp, login: &LoginRequest) -> CallResult<FileList> {
    app.client().list(&Credential::Basic(login.clone()), &ListQuery::default()).await
}

/// The outcome without the body.
fn without_body<T>(outcome: CallResult<T>) -> CallResult<()> {
    match outcome {
        CallResult::Done(reply) => {
            let (status, headers) = (reply.status, reply.headers);
            let body = ();
            CallResult::Done(client::Reply { status, headers, body })
        }
        CallResult::Refused(reply) => CallResult::Refused(reply),
        CallResult::CallError(broken) => CallResult::CallError(broken),
    }
}

/// Item 14. Behind a proxy named with `--trusted-proxy`, guesses are counted by the
/// address of the client, not by that of the shared proxy. Forwarding headers of other
/// peers are ignored.
#[tokio::test]
async fn guesses_behind_a_trusted_proxy_are_counted_per_client() -> anyhow::Result<()> {
    let flags = ["--attempts-per-address", "5", "--trusted-proxy", "10.9.0.0/16"];
    let app = TestApp::new(StoreKind::Embedded, "central", &flags).await?;
    let guess_from = async |number: usize, chain: String| {
        let client = app.replica(number).client();
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let request = client.request(Method::POST, paths::SESSION_START).json(&wrong);
        client.json::<SessionStarted>(request.header("x-forwarded-for", chain)).await
    };
    for number in 0..10 {
        // The client forged the first address; the trusted proxy appended the second.
        let answer =
            guess_from(number, format!("198.51.100.{number}, 203.0.113.7, 10.9.0.2"));
        let expected = match number {
            0..5 => ProblemKind::InvalidCredentials,
            _ => ProblemKind::TooManyAttempts,
        };
        answer.await.refused_as(expected).with_context(|| format!("guess {number}"))?;
    }
    let another = guess_from(20, "203.0.113.8, 10.9.0.3".to_owned()).await;
    another.refused_as(ProblemKind::InvalidCredentials).context("another client")?;
    for number in 30..40 {
        let answer = guess_from(number, format!("203.0.113.{number}, 10.8.0.2")).await;
        let expected = match number {
            30..35 => ProblemKind::InvalidCredentials,
            _ => ProblemKind::TooManyAttempts,
        };
        answer.refused_as(expected).with_context(|| format!("guess {number}"))?;
    }
    Ok(())
}

/// Requests of one caller are counted over all replicas, and other callers are not
/// affected. The window is one second, so a burst that takes less touches at most two
/// windows.
#[tokio::test]
async fn requests_per_caller_are_limited_across_replicas() -> anyhow::Result<()> {
    const LIMIT: usize = 20;
    // Each replica grants a sixteenth of the limit without asking the shared counter.
    const ALLOWED: usize = 2 * (LIMIT + 3 * (LIMIT / 16));
    let limit = LIMIT.to_string();
    let flags = ["--requests-per-second", &limit];
    let app = TestApp::new(StoreKind::Embedded, "central", &flags).await?;
    let (alice, bob) = (app.sign_in(&app.alice).await?, app.sign_in(&app.bob).await?);
    let clients: Vec<_> = app.replicas().iter().map(|one| one.client()).collect();
    let page = ListQuery::default();
    let allowed = eventually(PROCESS_TIMEOUT, "a burst within a second", async || {
        let began = Instant::now();
        let burst = clients.iter().cycle().take(6 * LIMIT);
        let burst = burst.map(|client| client.list(&alice, &page));
        let answers = futures_util::future::join_all(burst).await;
        let elapsed = began.elapsed();
        clients[0].list(&bob, &page).await.done().context("bob sent one request")?;
        let (mut allowed, mut refused) = (0, 0);
        for answer in answers {
            match answer {
                CallResult::Done(_) => allowed += 1,
                answer => {
                    let answer = answer.refused_as(ProblemKind::TooManyRequests)?;
                    equal("Retry-After", answer.header(RETRY_AFTER), Some("1"))?;
                    refused += 1;
                }
            }
        }
        let conclusive = elapsed < Duration::from_secs(1);
        Ok((conclusive && refused > 0).then_some(allowed))
    })
    .await?;
    ensure!((LIMIT..=ALLOWED).contains(&allowed), "{allowed} were accepted");
    Ok(())
}
