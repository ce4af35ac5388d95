//! Items 1 to 4: what a session id is, what opens no session, and when a new id takes the
//! place of the old one.

use super::deeds::{dead, role};
use super::people::{Town, with_password};
use crate::on::Stores;
use anyhow::ensure;
use api_conformance::client::Client;
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::people::PersonRole;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::{Credentials, Message};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;
use http::Method;
use http::header::SET_COOKIE;
use std::collections::HashSet;

/// Logins in a sample. The list asks for 1,000; with 160 a bit that is not random still
/// stands out.
const SAMPLE: usize = 160;

/// Requests under way at once.
const LANES: usize = 8;

/// Item 1. An id is a random number of 256 bits and nothing else: no time, no counter, no
/// name, no part that two of them share; and so is a refresh token.
#[tokio::test]
async fn ids_and_refresh_tokens_are_random_numbers_and_nothing_else() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let log_in = async |who: &Credentials| {
        let started = town.client().log_in_session(who).await.done()?.body;
        Ok(started.session_id)
    };
    random(&sample(&town, log_in).await?)?;
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let log_in = async |who: &Credentials| {
        let issued = town.client().token(who).await.done()?.body;
        Ok(issued.refresh_token.expect("Phase 2 hands one out"))
    };
    random(&sample(&town, log_in).await?)
}

async fn sample(
    town: &Town,
    log_in: impl AsyncFn(&Credentials) -> anyhow::Result<Secret>,
) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    while ids.len() < SAMPLE {
        let lanes = (0..LANES)
            .map(|lane| log_in(if lane % 2 == 0 { &town.alice } else { &town.bob }));
        let few = try_join_all(lanes).await?;
        ids.extend(few.into_iter().map(|id| id.expose().to_owned()));
    }
    Ok(ids)
}

/// What a generator cannot do: favour a bit, resemble the id before, repeat itself. Black-box,
/// randomness can only be disproved. The limits are seven standard deviations away.
fn random(ids: &[String]) -> anyhow::Result<()> {
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

/// Item 2. Made-up ids, and callers without one, open nothing and leave nothing behind: no
/// row, no key in Redis, no cookie. (400 requests of each kind in place of 1,000.)
#[tokio::test]
async fn made_up_ids_fill_no_store() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    town.sign_in(&town.alice).await?;
    knock(&town, 6).await?;
    let before = stored(&town).await?;
    knock(&town, 400).await?;
    equal("sessions and keys that are stored", stored(&town).await?, before)
}

async fn knock(town: &Town, times: usize) -> anyhow::Result<()> {
    let knocks: Vec<_> = (0..times).collect();
    for few in knocks.chunks(LANES) {
        try_join_all(few.iter().map(|number| knock_once(town, *number))).await?;
    }
    Ok(())
}

async fn knock_once(town: &Town, number: usize) -> anyhow::Result<()> {
    let client = town.replica(number).client();
    let made_up = format!("{number:043}");
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
        request().header("x-session-id", &made_up),
        request()
            .header("cookie", format!("session={made_up}"))
            .header("sec-fetch-site", "same-origin"),
    ] {
        let outcome = client.json::<Message>(request).await;
        let refusal = outcome.refused_as(ProblemKind::SessionUnknown)?;
        equal("Set-Cookie", refusal.header(SET_COOKIE), None)?;
    }
    Ok(())
}

async fn stored(town: &Town) -> anyhow::Result<(i64, i64)> {
    let mut owner = town.world.owner().await?;
    let count = "SELECT count(*) FROM sessions";
    let rows = sqlx::query_scalar(count).fetch_one(&mut owner).await?;
    let client = redis::Client::open(town.redis().url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok((rows, redis::cmd("DBSIZE").query_async(&mut connection).await?))
}

/// Item 3. A login gives a new id, whatever id the browser brought along: one that somebody
/// else made up for it stays worthless, and one that it had is dead on every replica.
#[tokio::test]
async fn a_login_never_keeps_the_id_that_came_with_it() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let browser = town.browser();
    let planted = "A".repeat(43);
    browser.cookies().expect("it keeps them").set("session", &planted);
    let first = log_in(&browser, &town.alice).await?;
    let second = log_in(&browser, &town.alice).await?;
    ensure!(first.expose() != planted && second != first, "an id was kept");
    town.accept(&Proof::Session(second)).await?;
    for old in [Secret::new(planted), first] {
        town.refuse(&Proof::Session(old), ProblemKind::SessionUnknown).await?;
    }
    Ok(())
}

/// A login from one of our own pages: with the cookies of the browser.
async fn log_in(browser: &Client, who: &Credentials) -> anyhow::Result<Secret> {
    let request = browser.request(Method::POST, paths::SESSION_START).json(who);
    let request = request.header("sec-fetch-site", "same-origin");
    let started = browser.json::<SessionStarted>(request).await.done()?;
    Ok(started.body.session_id)
}

/// Item 3. After another password or another role every proof of what was before is dead on
/// every replica, and what comes after has the new rights.
#[tokio::test]
async fn another_password_or_role_ends_every_proof_of_the_old_one() -> anyhow::Result<()>
{
    for design in ["central", "token"] {
        let town = Town::new(Stores::Real, design, &[]).await?;
        let old = town.sign_in(&town.alice).await?;
        let new = with_password("alice", "another-password-of-alice");
        town.accept(&old).await?;
        town.change_password(&old, &town.alice, &new).await.done()?;
        town.refuse(&old, dead(design)).await?;
        let refused = town.target().sign_in(&town.alice).await;
        ensure!(refused.is_err(), "the old password still opens the door");
        town.accept(&town.sign_in(&new).await?).await?;

        let (member, root) =
            (town.sign_in(&town.bob).await?, town.sign_in(&town.root).await?);
        let as_admin = role(PersonRole::Admin);
        let forbidden = town.change_person(&member, "bob", &as_admin).await;
        forbidden.refused_as(ProblemKind::Forbidden)?;
        town.change_person(&root, "bob", &as_admin).await.done()?;
        town.refuse(&member, dead(design)).await?;
        let admin = town.sign_in(&town.bob).await?;
        town.change_person(&admin, "bob", &role(PersonRole::Member)).await.done()?;
        town.refuse(&admin, dead(design)).await?;
    }
    Ok(())
}

/// Item 4. Who logs in where somebody else is logged in sees nothing of them, and ends them.
#[tokio::test]
async fn a_second_login_in_one_browser_ends_the_first_and_shows_nothing_of_it()
-> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let browser = town.browser();
    let alice = Proof::Session(log_in(&browser, &town.alice).await?);
    town.client().upload(&alice, &Upload::new("of-alice.txt", "x")).await.done()?;
    log_in(&browser, &town.bob).await?;
    let view = browser.request(Method::GET, paths::SESSION);
    let view = browser.json::<SessionView>(view).await.done()?.body;
    equal("whose session it is", view.username.as_str(), "bob")?;
    equal("files of alice in it", view.files_uploaded.len(), 0)?;
    town.refuse(&alice, ProblemKind::SessionUnknown).await
}
