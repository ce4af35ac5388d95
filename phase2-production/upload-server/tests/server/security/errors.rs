//! Item 40: whatever is sent, the answer is the contract's; and what cannot be known opens
//! no door.

use super::nonsense::nonsense;
use super::people::Town;
use crate::on::Stores;
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::outcome::Reply;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::problem::{MEDIA_TYPE, Problem, ProblemKind};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Method;
use http::header::{CONTENT_TYPE, RETRY_AFTER, SERVER, WWW_AUTHENTICATE};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Requests in each design; the list asks for 5,000 in all, and each run sends others.
const REQUESTS: usize = 800;

/// Requests under way at once.
const LANES: usize = 8;

/// What tells whoever attacks what is inside.
const LEAKS: [&str; 18] = [
    "panicked",
    "backtrace",
    "src/",
    ".rs:",
    "sqlx",
    "sqlite",
    "postgres",
    "select ",
    "insert ",
    "relation",
    "redis",
    "argon2",
    "axum",
    "hyper",
    "rustc",
    "/tmp",
    "/root",
    "127.0.0.1",
];

/// Item 40. Whatever is sent, with a proof and without: no fault of the server's, and every
/// refusal has the contract's shape and tells nothing of what is inside.
#[tokio::test]
async fn no_request_makes_the_server_fail_or_talk() -> anyhow::Result<()> {
    // Anew in each run, and named in the failure, so that it can be had again.
    let seed: u64 = rand::random();
    for design in ["central", "token"] {
        let free =
            ["--attempts-per-account", "100000", "--attempts-per-address", "100000"];
        let town = Town::new(Stores::Embedded, design, &free).await?;
        let (client, proof) = (town.client(), town.sign_in(&town.root).await?);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..REQUESTS / LANES {
            let few: Vec<_> =
                (0..LANES).map(|_| nonsense(&client, &proof, &mut random)).collect();
            let sent = few.into_iter().map(|(what, request)| {
                let client = &client;
                async move {
                    let reply = client.send(request).await?;
                    as_the_contract_says(&reply).context(what)
                }
            });
            try_join_all(sent).await.with_context(|| format!("{design}, seed {seed}"))?;
        }
        for replica in town.replicas() {
            let log = replica.server.log();
            ensure!(!log.contains("panicked"), "a handler panicked: seed {seed}\n{log}");
            replica.accepts(&proof).await.context("it still serves")?;
        }
    }
    Ok(())
}

fn as_the_contract_says(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let status = reply.status.as_u16();
    ensure!(status < 500 || status == 503, "a fault of the server's: {status}");
    equal("Server", reply.header(SERVER), None)?;
    ensure!(reply.request_id().is_some() && reply.served_by().is_some(), "unsigned");
    if status < 400 {
        return Ok(());
    }
    equal("Content-Type", reply.header(CONTENT_TYPE), Some(MEDIA_TYPE))?;
    ensure!(status != 401 || reply.header(WWW_AUTHENTICATE).is_some(), "401 to what?");
    let later = status == 429 || status == 503;
    ensure!(!later || reply.header(RETRY_AFTER).is_some(), "{status} until when?");
    let text = String::from_utf8_lossy(&reply.body).to_lowercase();
    for leak in LEAKS {
        ensure!(!text.contains(leak), "{leak:?} is in {text}");
    }
    if text.is_empty() {
        return Ok(()); // The answer to HEAD has no body.
    }
    let problem: Problem = serde_json::from_slice(&reply.body)?;
    equal("the status", problem.status, status)?;
    equal("the instance", Some(problem.instance.as_str()), reply.request_id())?;
    let known = ProblemKind::ALL.iter().find(|kind| kind.slug() == problem.slug());
    equal("the title", Some(problem.title.as_str()), known.map(|kind| kind.title()))
}

/// Item 40. When Redis and the records are gone, nobody who would have to be known is let in:
/// not with a proof that was good, not with one that is made up, not without any.
#[tokio::test]
async fn stores_that_fail_open_no_door() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let town = Town::new(Stores::Real, design, &[]).await?;
        let (good, mut made_up) = (town.sign_in(&town.alice).await?, Proof::None);
        let root = town.sign_in(&town.root).await?;
        // Not through the balancer, which sends nobody to a replica without records.
        let client = town.replica(0).client();
        town.redis().kill9().await?;
        let lost = town.world.lose_the_records().await?;
        if let Proof::Session(_) = good {
            made_up = Proof::Session("A".repeat(43).into());
        }
        let (cannot_know, no) = (&[503][..], &[401][..]);
        for (proof, expected) in [
            (&good, cannot_know),
            (&root, cannot_know),
            (&made_up, &[401, 503]),
            (&Proof::None, no),
        ] {
            for (method, path) in [
                (Method::GET, paths::FILES),
                (Method::GET, paths::ADMIN_USERS),
                (Method::POST, paths::ACCOUNT_SIGN_OUT),
                (Method::POST, paths::UPLOAD),
            ] {
                let request = client.proven(proof, method, path);
                let form = Form::of(&Upload::new("a", "a"));
                let reply = client.send(form.put_on(request)).await?;
                let status = reply.status.as_u16();
                ensure!(
                    expected.contains(&status),
                    "{design} {proof:?} {path}: {status}"
                );
                as_the_contract_says(&reply)?;
            }
        }
        lost.bring_them_back().await?;
    }
    Ok(())
}
