//! Item 14: guessing has a limit, one for all replicas.

use super::people::{Town, with_password};
use crate::on::Stores;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::files::{FileList, ListQuery};
use api_contract::problem::ProblemKind;
use api_contract::sessions::SessionStarted;
use api_contract::{Credentials, Message, paths};
use http::Method;
use http::header::RETRY_AFTER;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A guess through the balancer, from somebody who says each time to be somewhere else.
async fn guess(town: &Town, given: &Credentials, from: usize) -> Outcome<SessionStarted> {
    let client = town.client();
    let address = format!("203.0.113.{from}");
    let request = client.request(Method::POST, paths::SESSION_START).json(given);
    let request = request
        .header("x-forwarded-for", &address)
        .header("x-real-ip", &address)
        .header("forwarded", format!("for={address}"));
    client.json(request).await
}

/// Item 14. Ten wrong passwords for one account are ten in all, not ten for each replica or
/// for each address that the client makes up. Then nobody gets in, not even with the right
/// one; everybody else does; and it ends by itself.
#[tokio::test]
async fn ten_wrong_passwords_close_an_account_for_a_while() -> anyhow::Result<()> {
    let town =
        Town::new(Stores::Embedded, "central", &["--attempts-window-ms", "5000"]).await?;
    let wrong = with_password("alice", "wrong");
    let mut asked = HashSet::new();
    for number in 0..10 {
        let refused = guess(&town, &wrong, number).await;
        let refused = refused.refused_as(ProblemKind::InvalidCredentials)?;
        asked.insert(refused.served_by().context("somebody")?.to_owned());
    }
    equal("replicas that were asked", asked.len(), 3)?;
    for number in 10..16 {
        let given = if number % 2 == 0 { &wrong } else { &town.alice };
        let refused = guess(&town, given, number).await;
        let refused = refused.refused_as(ProblemKind::TooManyAttempts)?;
        let seconds: u64 = refused.header(RETRY_AFTER).context("when")?.parse()?;
        ensure!((1..=5).contains(&seconds), "again in {seconds} s");
    }
    guess(&town, &town.bob, 0).await.done().context("bob has done nothing")?;
    eventually(PATIENCE, "alice may try again", async || {
        match guess(&town, &town.alice, 0).await {
            Outcome::Done(_) => Ok(Some(())),
            refused => refused.refused_as(ProblemKind::TooManyAttempts).map(|_| None),
        }
    })
    .await
}

/// Item 14. An address that tries one account after the other is stopped as well, and cannot
/// escape by naming others.
#[tokio::test]
async fn an_address_cannot_try_one_account_after_the_other() -> anyhow::Result<()> {
    let town =
        Town::new(Stores::Embedded, "central", &["--attempts-per-address", "20"]).await?;
    for number in 0..20 {
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let refused = guess(&town, &wrong, number).await;
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    for number in 20..26 {
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let refused = guess(&town, &wrong, number).await;
        refused.refused_as(ProblemKind::TooManyAttempts)?;
    }
    Ok(())
}

/// Item 14. Thirty guesses that are sent at once are no more than ten that are checked.
#[tokio::test]
async fn guesses_at_the_same_moment_are_counted_like_others() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let wrong = with_password("alice", "wrong");
    let guesses = (0..30).map(|number| guess(&town, &wrong, number));
    let answers = futures_util::future::join_all(guesses).await;
    let mut checked = 0;
    for answer in answers {
        match answer.status()?.as_u16() {
            401 => checked += 1,
            status => equal("the status", status, 429)?,
        }
    }
    equal("guesses that were checked", checked, 10)
}

/// Item 14. A password is tried in other places than the login, and counts there, too.
#[tokio::test]
async fn wherever_a_password_is_tried_it_counts() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let (wrong, new) = (with_password("alice", "wrong"), with_password("alice", "x"));
    let new = Credentials { password: format!("{:20}", new.username).into(), ..new };
    let alice = town.sign_in(&town.alice).await?;
    for number in 0..10 {
        let refused: Outcome<()> = match number % 3 {
            0 => ended(town.client().token(&wrong).await),
            1 => ended::<FileList>(basic(&town, &wrong).await),
            _ => ended::<Message>(town.change_password(&alice, &wrong, &new).await),
        };
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    let too_many = ProblemKind::TooManyAttempts;
    town.client().token(&town.alice).await.refused_as(too_many)?;
    basic(&town, &town.alice).await.refused_as(too_many)?;
    town.change_password(&alice, &town.alice, &new).await.refused_as(too_many)?;
    // Who proved who they are before is not logged out by somebody's guessing.
    town.accept(&alice).await
}

async fn basic(town: &Town, given: &Credentials) -> Outcome<FileList> {
    town.client().list(&Proof::Basic(given.clone()), &ListQuery::default()).await
}

/// The outcome, whatever the answer would have been.
fn ended<T>(outcome: Outcome<T>) -> Outcome<()> {
    match outcome {
        Outcome::Done(reply) => {
            let (status, headers) = (reply.status, reply.headers);
            let body = ();
            Outcome::Done(api_conformance::outcome::Reply { status, headers, body })
        }
        Outcome::Refused(reply) => Outcome::Refused(reply),
        Outcome::Broken(broken) => Outcome::Broken(broken),
    }
}

/// Item 14. Behind a proxy that is named with `--trusted-proxy` it is the client who is
/// counted, and not the proxy, which all clients share; whoever is not named is believed
/// nothing.
#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_counted_and_nobody_elses_word()
-> anyhow::Result<()> {
    let flags = ["--attempts-per-address", "5", "--trusted-proxy", "10.9.0.0/16"];
    let town = Town::new(Stores::Embedded, "central", &flags).await?;
    let through = async |number: usize, chain: String| {
        let client = town.replica(number).client();
        let wrong = with_password(&format!("name-{number}"), "wrong");
        let request = client.request(Method::POST, paths::SESSION_START).json(&wrong);
        client.json::<SessionStarted>(request.header("x-forwarded-for", chain)).await
    };
    for number in 0..10 {
        // What the client made up comes first, who was heard by the proxy after it.
        let answer =
            through(number, format!("198.51.100.{number}, 203.0.113.7, 10.9.0.2"));
        let expected = match number {
            0..5 => ProblemKind::InvalidCredentials,
            _ => ProblemKind::TooManyAttempts,
        };
        answer.await.refused_as(expected).with_context(|| format!("guess {number}"))?;
    }
    let another = through(20, "203.0.113.8, 10.9.0.3".to_owned()).await;
    another.refused_as(ProblemKind::InvalidCredentials).context("another client")?;
    for number in 30..40 {
        let answer = through(number, format!("203.0.113.{number}, 10.8.0.2")).await;
        let expected = match number {
            30..35 => ProblemKind::InvalidCredentials,
            _ => ProblemKind::TooManyAttempts,
        };
        answer.refused_as(expected).with_context(|| format!("guess {number}"))?;
    }
    Ok(())
}

/// The requests of one caller are counted over all replicas, too, and nobody else pays for
/// them. A window is a second, and a burst that takes less touches two of them at most.
#[tokio::test]
async fn a_caller_has_so_many_requests_a_second_over_all_replicas() -> anyhow::Result<()>
{
    const LIMIT: usize = 20;
    // What a replica lets through without asking: a sixteenth of the limit.
    const ALLOWED: usize = 2 * (LIMIT + 3 * (LIMIT / 16));
    let limit = LIMIT.to_string();
    let flags = ["--requests-per-second", &limit];
    let town = Town::new(Stores::Embedded, "central", &flags).await?;
    let (alice, bob) = (town.sign_in(&town.alice).await?, town.sign_in(&town.bob).await?);
    let clients: Vec<_> = town.replicas().iter().map(|one| one.client()).collect();
    let page = ListQuery::default();
    let allowed = eventually(PATIENCE, "a burst within a second", async || {
        let began = Instant::now();
        let burst = clients.iter().cycle().take(6 * LIMIT);
        let burst = burst.map(|client| client.list(&alice, &page));
        let answers = futures_util::future::join_all(burst).await;
        let took = began.elapsed();
        clients[0].list(&bob, &page).await.done().context("bob has asked once")?;
        let (mut allowed, mut refused) = (0, 0);
        for answer in answers {
            match answer {
                Outcome::Done(_) => allowed += 1,
                answer => {
                    let answer = answer.refused_as(ProblemKind::TooManyRequests)?;
                    equal("again in", answer.header(RETRY_AFTER), Some("1"))?;
                    refused += 1;
                }
            }
        }
        let judged = took < Duration::from_secs(1);
        Ok((judged && refused > 0).then_some(allowed))
    })
    .await?;
    ensure!((LIMIT..=ALLOWED).contains(&allowed), "{allowed} were let through");
    Ok(())
}
