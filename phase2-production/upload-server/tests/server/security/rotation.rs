//! Items 18 and 19 over time: signing keys are rotated under traffic.

use crate::security::forge::{ALGORITHMS, log_in, parts};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::secret::Secret;
use api_contract::{LoginRequest, Message, paths};
use client::Credential;
use client::expect::equal;
use http::Method;
use http::header::CACHE_CONTROL;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// The id of the key that signed a token, and the algorithm.
fn signed_with(token: &Secret) -> anyhow::Result<(String, String)> {
    let header = parts(token)?.0;
    let text = |name: &str| {
        header[name].as_str().map(str::to_owned).context("a text in the header")
    };
    Ok((text("kid")?, text("alg")?))
}

/// Logs in repeatedly and lists files with the first and the newest token until `stop`,
/// on all replicas in turn. Every request must succeed. Returns the key ids of the
/// tokens.
async fn traffic(
    app: &TestApp,
    account: &LoginRequest,
    stop: &AtomicBool,
) -> anyhow::Result<HashSet<String>> {
    let client = app.client();
    let (first, _) = log_in(&client, account).await?;
    let mut keys = HashSet::from([signed_with(&first)?.0]);
    while !stop.load(Ordering::Relaxed) || keys.len() < 2 {
        let (newest, _) = log_in(&client, account).await.context("a login")?;
        keys.insert(signed_with(&newest)?.0);
        for token in [&first, &newest, &newest, &newest] {
            let credential = Credential::Bearer(token.clone());
            let listed = client.list(&credential, &ListQuery::default()).await;
            listed.done().context("a valid token was refused")?;
        }
    }
    Ok(keys)
}

/// The ids of the keys that a replica publishes.
async fn published(app: &TestApp, number: usize) -> anyhow::Result<HashSet<String>> {
    let client = app.replica(number).client();
    let page = client.send(client.request(Method::GET, paths::JWKS)).await?.body;
    let page: Value = serde_json::from_slice(&page)?;
    let keys = page["keys"].as_array().context("keys")?.iter();
    keys.map(|key| anyhow::Ok(key["kid"].as_str().context("a key id")?.to_owned()))
        .collect()
}

/// Rotates the key and waits until every replica signs with the new one. Returns its id.
async fn rotate(app: &TestApp, old: &str) -> anyhow::Result<String> {
    let oskar = app.sign_in(&app.oskar).await?;
    let client = app.client();
    let request = client.authenticated(&oskar, Method::POST, paths::ADMIN_KEYS_ROTATE);
    let rotated = client.json::<Message>(request).await.done()?;
    let new = eventually(
        PROCESS_TIMEOUT,
        "every replica to sign with the new key",
        async || {
            let mut keys = HashSet::new();
            for replica in app.replicas() {
                keys.insert(
                    signed_with(&log_in(&replica.client(), &app.bob).await?.0)?.0,
                );
            }
            let only = if keys.len() == 1 { keys.into_iter().next() } else { None };
            Ok(only.filter(|key| key != old))
        },
    );
    let new = new.await?;
    equal("the message names the key", rotated.body.message.contains(&new), true)?;

    Ok(new)
}

async fn rotated_under_traffic(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm, "--key-refresh-ms", "1000"];
    let flags = [&flags[..], &["--key-lead-ms", "1"]].concat();
    let app = TestApp::new(StoreKind::Real, "token", &flags).await?;
    let (before, _) = log_in(&app.client(), &app.alice).await?;
    let (old, alg) = signed_with(&before)?;
    equal("the algorithm", alg.to_lowercase().as_str(), algorithm)?;
    let stop = AtomicBool::new(false);
    let rotation = async {
        let new = rotate(&app, &old).await?;
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(new)
    };
    let (alice, bob) = (traffic(&app, &app.alice, &stop), traffic(&app, &app.bob, &stop));
    let (new, alices, bobs) = tokio::try_join!(rotation, alice, bob)?;
    let both = HashSet::from([old, new]);
    for keys in [alices, bobs] {
        equal("the keys of the traffic", &keys, &both)?;
    }
    for number in 0..app.replicas().len() {
        equal("the published keys", &published(&app, number).await?, &both)?;
    }
    app.all_accept(&Credential::Bearer(before)).await.context("signed by the old key")
}

/// Item 18. An operator rotates the keys under traffic on three replicas, which temporarily
/// use different keys. No valid token is refused, tokens of both keys stay valid, and
/// finally all tokens are signed with the new key.
#[tokio::test]
async fn key_rotation_under_traffic_refuses_no_valid_token() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        rotated_under_traffic(algorithm).await.context(algorithm)?;
    }
    Ok(())
}

/// The lifetime of the key set in caches, in seconds.
async fn max_age(app: &TestApp) -> anyhow::Result<u64> {
    let client = app.client();
    let reply = client.send(client.request(Method::GET, paths::JWKS)).await?;
    let header = reply.header(CACHE_CONTROL).unwrap_or_default().to_owned();
    let age = header.strip_prefix("public, max-age=").context(header.clone())?;
    Ok(age.parse()?)
}

/// A cache may not keep the key set until a key signs that is not in it.
#[tokio::test]
async fn key_set_is_cached_for_less_than_the_lead() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let by_default = max_age(&app).await?;
    equal("a cache helps", (30..=60).contains(&by_default), true)?;
    let short = ["--key-lead-ms", "9000", "--key-refresh-ms", "1000"];
    let app = TestApp::new(StoreKind::Embedded, "token", &short).await?;
    equal("shorter than the lead", max_age(&app).await? < 9, true)
}
