//! Information leaks: response times, ids, idempotency keys of other accounts, and the
//! admin of another organisation reveal nothing.

use crate::account_client::{AccountClient, blobs};
use crate::security::ownership::{AliceObjects, answer};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::paths;
use api_contract::uploads::headers;
use client::Upload;
use client::expect::equal;
use http::{Method, StatusCode};
use report::statistics::median;
use reqwest::RequestBuilder;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Instant;

/// Item 33. The response time does not reveal existence: over a hundred alternating pairs
/// of requests for a file of alice and for a missing id, the medians differ by less than
/// a factor of two.
#[tokio::test]
async fn response_time_does_not_reveal_file_existence() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let objects = AliceObjects::of(&app).await?;
    // One replica and one connection, so that only the id differs.
    let carol = AccountClient {
        client: app.replica(0).client(),
        credential: app.sign_in(&app.carol).await?,
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        let unknown_id = uuid::Uuid::now_v7().to_string();
        for (id, times) in [&objects.file, &unknown_id].into_iter().zip(&mut times) {
            let began = Instant::now();
            let reply =
                carol.client.send(carol.request(Method::GET, &paths::file(id))).await?;
            times.push(began.elapsed());
            equal("the status", reply.status, StatusCode::NOT_FOUND)?;
        }
    }
    let [existing, missing] = times.map(median);
    let (existing, missing) = existing.zip(missing).context("a hundred pairs")?;
    let ratio = existing.as_secs_f64() / missing.as_secs_f64();
    ensure!((0.5..2.0).contains(&ratio), "the ratio of the medians is {ratio:.2}");
    Ok(())
}

/// Item 33. Ids are unpredictable: the random parts of forty consecutive ids all differ,
/// and no two are close.
#[tokio::test]
async fn file_ids_are_unpredictable() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, credential) = (app.client(), app.sign_in(&app.alice).await?);
    let mut random_parts = BTreeSet::new();
    for number in 0..40 {
        let file = Upload::new(format!("{number}"), "x");
        let id = client.upload(&credential, &file).await.done()?.body.file_id;
        // UUID version 7: the time is followed by 62 random bits (RFC 9562 §5.7).
        let (_, random) = uuid::Uuid::parse_str(&id)?.as_u64_pair();
        random_parts.insert(random & (u64::MAX >> 2));
    }
    equal("different random parts", random_parts.len(), 40)?;
    let sorted: Vec<_> = random_parts.into_iter().collect();
    let closest = sorted.windows(2).map(|pair| pair[1] - pair[0]).min();
    ensure!(closest > Some(1 << 32), "two ids are only {closest:?} apart");
    Ok(())
}

/// Item 33. Idempotency keys are scoped to the account: an upload of bob with the key of
/// alice creates a file of bob and reveals nothing of hers.
#[tokio::test]
async fn idempotency_keys_are_scoped_to_the_account() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let client = app.client();
    let file = Upload::new("same.txt", "the same bytes");
    let mut ids = BTreeSet::new();
    for login in [&app.alice, &app.bob, &app.carol] {
        let credential = app.sign_in(login).await?;
        let stored =
            client.upload_with_key(&credential, &file, "the-same-key").await.done()?;
        let again =
            client.upload_with_key(&credential, &file, "the-same-key").await.done()?;
        equal("the repetition", &again.body.file_id, &stored.body.file_id)?;
        ids.insert(stored.body.file_id);
        let account = AccountClient { client: client.clone(), credential };
        let path = account.tus(Method::POST, paths::TUS);
        let path =
            path.header(headers::UPLOAD_LENGTH, 4).header(IDEMPOTENCY_KEY, "tus-key");
        let reply = client.send(path).await?;
        equal("tus with the same key", reply.status, StatusCode::CREATED)?;
    }
    equal("different files", ids.len(), 3)?;
    equal("blobs", blobs(&app.stores.fixture).len(), 3)
}

/// Item 33. An admin reaches only their own organisation: for root of `t1`, carol of `t2`
/// does not exist. Members cannot use admin calls, for any user name.
#[tokio::test]
async fn admin_cannot_reach_another_organisation() -> anyhow::Result<()> {
    for (kind, design) in [(StoreKind::Real, "central"), (StoreKind::Embedded, "token")] {
        let app = TestApp::new(kind, design, &[]).await?;
        let client = app.client();
        let carol = app.sign_in(&app.carol).await?;
        let root = AccountClient {
            client: client.clone(),
            credential: app.sign_in(&app.root).await?,
        };
        let member = AccountClient { client: client.clone(), credential: carol.clone() };
        let calls: [fn(&AccountClient, &str) -> RequestBuilder; 2] = [
            |account, name| {
                let path = format!("{}/{name}", paths::ADMIN_USERS);
                account.request(Method::PATCH, &path).json(&json!({ "disabled": true }))
            },
            |account, name| {
                account.request(
                    Method::POST,
                    &format!("{}/{name}/sign-out", paths::ADMIN_USERS),
                )
            },
        ];
        for call in calls {
            let unknown = answer(&root, call(&root, "mallory")).await?;
            equal("an unknown user", unknown.0, StatusCode::NOT_FOUND)?;
            equal("carol", answer(&root, call(&root, "carol")).await?, unknown)?;
            for name in ["alice", "carol", "mallory"] {
                let refused = answer(&member, call(&member, name)).await?;
                equal(name, refused.0, StatusCode::FORBIDDEN)?;
            }
        }
        for path in [paths::ADMIN_USERS, paths::ADMIN_AUDIT] {
            let reply = client.send(root.request(Method::GET, path)).await?;
            equal(path, reply.status, StatusCode::OK)?;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            ensure!(!text.contains("carol"), "{path} mentions carol: {text}");
        }
        app.all_accept(&carol).await?;
    }
    Ok(())
}

/// Item 33. An expired upload of alice looks to bob like an id that never existed.
#[tokio::test]
async fn expired_upload_of_another_account_is_not_found() -> anyhow::Result<()> {
    let flags = ["--upload-life-ms", "1000"];
    let app = TestApp::new(StoreKind::Embedded, "central", &flags).await?;
    let client = app.client();
    let alice = AccountClient {
        client: client.clone(),
        credential: app.sign_in(&app.alice).await?,
    };
    let bob = AccountClient { client, credential: app.sign_in(&app.bob).await? };
    let path = alice.create("hers.bin", 8).await?;
    eventually(PROCESS_TIMEOUT, "the upload of alice to expire", async || {
        let status = alice.head(&path).await?.status;
        Ok((status == StatusCode::GONE).then_some(()))
    })
    .await?;
    let unknown_id = format!("{}/{}", paths::TUS, uuid::Uuid::now_v7());
    let missing = answer(&bob, bob.tus(Method::HEAD, &unknown_id)).await?;
    let foreign = answer(&bob, bob.tus(Method::HEAD, &path)).await?;
    equal("the answer to bob", foreign, missing)
}
