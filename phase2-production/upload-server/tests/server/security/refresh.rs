//! Refresh tokens: one use, one successor, and one alarm when two people have the same.

use crate::on::Stores;
use crate::security::forge::{log_in, refresh, revoke};
use crate::security::people::Town;
use anyhow::{Context, ensure};
use api_conformance::eventually::{eventually, silence};
use api_conformance::expect::equal;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::tokens::{RefreshRequest, TokenIssued};
use http::Method;
use http::header::RETRY_AFTER;
use sqlx::{Connection, Executor, SqliteConnection};
use std::time::Duration;

fn renewal(issued: TokenIssued) -> anyhow::Result<Secret> {
    issued.refresh_token.context("a refresh token")
}

/// Item 22. Used again after its grace, a refresh token is in two hands: its successor
/// dies with it, on every replica, and so do the access tokens that came of it. Other
/// logins of the same person live on.
#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_family() -> anyhow::Result<()> {
    let grace = ["--refresh-grace-ms", "500"];
    let town = Town::new(Stores::Real, "token", &grace).await?;
    let [r1, r2, r3] = [0, 1, 2].map(|number| town.replica(number).client());
    let (first_access, first) = log_in(&r1, &town.alice).await?;
    let (elsewhere, _) = log_in(&r2, &town.alice).await?;
    let next = refresh(&r2, &first).await.done()?.body;
    let accesses = [first_access, next.access_token.clone()].map(Proof::Bearer);
    for access in &accesses {
        town.accept(access).await?;
    }
    let next = renewal(next)?;

    silence(Duration::from_millis(1_000)).await;
    refresh(&r3, &first).await.refused_as(ProblemKind::TokenInvalid)?;
    for client in [&r1, &r2, &r3] {
        refresh(client, &next).await.refused_as(ProblemKind::TokenInvalid)?;
        refresh(client, &first).await.refused_as(ProblemKind::TokenInvalid)?;
    }
    for access in &accesses {
        town.refuse(access, ProblemKind::TokenInvalid).await?;
    }
    town.accept(&Proof::Bearer(elsewhere)).await
}

/// Item 22. Two requests with the same token cross, on two replicas: both get the same
/// successor, nobody is called a thief, and the successor works. Ten pairs of them.
#[tokio::test]
async fn two_refreshes_at_once_get_one_successor_and_raise_no_alarm() -> anyhow::Result<()>
{
    let grace = ["--refresh-grace-ms", "3000"];
    let town = Town::new(Stores::Real, "token", &grace).await?;
    let mut successors = Vec::new();
    for round in 0..10 {
        let (here, there) =
            (town.replica(round).client(), town.replica(round + 1).client());
        let (_, token) = log_in(&here, &town.alice).await?;
        let both = tokio::join!(refresh(&here, &token), refresh(&there, &token));
        let one = renewal(both.0.done().with_context(|| format!("round {round}"))?.body)?;
        let other =
            renewal(both.1.done().with_context(|| format!("round {round}"))?.body)?;
        equal("they have the same successor", one == other, true)?;
        // Nor does it matter that an answer was lost.
        let third = town.replica(round + 2).client();
        let again = renewal(refresh(&third, &token).await.done()?.body)?;
        equal("the repetition has it, too", again == one, true)?;
        successors.push(one);
    }
    silence(Duration::from_millis(3_100)).await;
    for successor in &successors {
        let next = refresh(&town.client(), successor).await.done()?.body;
        town.accept(&Proof::Bearer(next.access_token)).await?;
    }
    Ok(())
}

/// Item 22. A family has an end, however often its tokens are renewed.
#[tokio::test]
async fn a_family_of_refresh_tokens_ends_with_its_time() -> anyhow::Result<()> {
    let short = ["--refresh-ttl-ms", "3000", "--refresh-grace-ms", "200"];
    let town = Town::new(Stores::Embedded, "token", &short).await?;
    let client = town.client();
    let (_, mut token) = log_in(&client, &town.alice).await?;
    for _ in 0..3 {
        token = renewal(refresh(&client, &token).await.done()?.body)?;
    }
    silence(Duration::from_millis(3_500)).await;
    refresh(&client, &token).await.refused_as(ProblemKind::TokenExpired)?;
    Ok(())
}

/// Refused because it was too much, and told when to come again.
fn later<T: std::fmt::Debug>(
    outcome: Outcome<T>,
    kind: ProblemKind,
    window_s: u64,
) -> anyhow::Result<()> {
    let refused = outcome.refused_as(kind)?;
    let seconds: u64 = refused.header(RETRY_AFTER).context("when")?.parse()?;
    ensure!((1..=window_s).contains(&seconds), "again in {seconds} s");
    Ok(())
}

/// Item 22. A login is refreshed so often and no oftener, on all replicas together; that
/// ends by itself, costs no other login anything, and keeps nobody from logging out.
#[tokio::test]
async fn a_login_is_refreshed_so_often_in_a_while_and_no_oftener() -> anyhow::Result<()> {
    let few = ["--refreshes-per-login", "4", "--attempts-window-ms", "8000"];
    let town = Town::new(Stores::Embedded, "token", &few).await?;
    let mut last = Vec::new();
    for who in [&town.alice, &town.bob] {
        let (mut access, mut token) = log_in(&town.client(), who).await?;
        for number in 0..4 {
            let next = refresh(&town.replica(number).client(), &token).await.done()?.body;
            access = next.access_token.clone();
            token = renewal(next)?;
        }
        for replica in town.replicas() {
            let outcome = refresh(&replica.client(), &token).await;
            later(outcome, ProblemKind::TooManyRequests, 8)?;
        }
        last.push((access, token));
    }
    let (access, token) = &last[0];
    revoke(&town.client(), token).await.done().context("a logout")?;
    town.refuse(&Proof::Bearer(access.clone()), ProblemKind::TokenInvalid).await?;
    let (_, token) = &last[1];
    eventually(PATIENCE, "her token is good again", async || {
        match refresh(&town.client(), token).await {
            Outcome::Done(_) => Ok(Some(())),
            other => other.refused_as(ProblemKind::TooManyRequests).map(|_| None),
        }
    })
    .await
}

/// Item 14. Who makes tokens up keeps nobody from writing: they are looked up while somebody
/// else writes, and after so many from one address not even that.
#[tokio::test]
async fn made_up_tokens_wait_for_no_writer_and_are_counted() -> anyhow::Result<()> {
    let few = ["--attempts-per-address", "12"];
    let town = Town::new(Stores::Embedded, "token", &few).await?;
    let client = town.client();
    let (_, genuine) = log_in(&client, &town.alice).await?;
    let file = town.world.fixture.data_dir().join("records.sqlite");
    let mut writer =
        SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    writer.execute("BEGIN IMMEDIATE").await?;
    // The last of 43 characters has two bits that are nothing.
    let made_up = |number: usize| Secret::new(format!("{number:B>42}A"));
    for number in 0..12 {
        if number % 2 == 0 {
            let refused = refresh(&client, &made_up(number)).await;
            refused.refused_as(ProblemKind::TokenInvalid).context(number)?;
        } else {
            revoke(&client, &made_up(number)).await.done().context(number)?;
        }
    }
    let too_many = ProblemKind::TooManyAttempts;
    for replica in town.replicas() {
        later(refresh(&replica.client(), &made_up(12)).await, too_many, 60)?;
        later(revoke(&replica.client(), &made_up(13)).await, too_many, 60)?;
    }
    later(refresh(&client, &genuine).await, too_many, 60)?;
    writer.execute("ROLLBACK").await?;
    // Past the balancer, a client on this machine may say that it is another address.
    let replica = town.replica(0).client();
    let body = RefreshRequest { refresh_token: genuine };
    let request = replica.request(Method::POST, paths::TOKEN_REFRESH).json(&body);
    let elsewhere = request.header("x-forwarded-for", "203.0.113.9");
    replica.json::<TokenIssued>(elsewhere).await.done().context("from elsewhere")?;
    log_in(&client, &town.bob).await.context("passwords are another matter").map(drop)
}
