//! Refresh tokens: one use, one successor, and one alarm when two people have the same.

use crate::on::Stores;
use crate::security::forge::{log_in, refresh};
use crate::security::people::Town;
use anyhow::Context;
use api_conformance::eventually::silence;
use api_conformance::expect::equal;
use api_conformance::proof::Proof;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::tokens::TokenIssued;
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
