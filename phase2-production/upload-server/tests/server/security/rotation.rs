//! Items 18 and 19 over time: the keys that sign are changed while everybody works.

use crate::on::Stores;
use crate::security::forge::{ALGORITHMS, log_in, parts};
use crate::security::people::Town;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::people::Audit;
use api_contract::secret::Secret;
use api_contract::{Credentials, Message, paths};
use http::Method;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// The name of the key that signed a token, and its algorithm.
fn signed_with(token: &Secret) -> anyhow::Result<(String, String)> {
    let header = parts(token)?.0;
    let text =
        |name: &str| header[name].as_str().map(str::to_owned).context("a header's text");
    Ok((text("kid")?, text("alg")?))
}

/// Logs in and reads her files with the first token and with the newest, at one replica after
/// the other, until it is told to stop. Every answer has to be a good one. Returns the keys
/// that it has met.
async fn traffic(
    town: &Town,
    who: &Credentials,
    stop: &AtomicBool,
) -> anyhow::Result<HashSet<String>> {
    let client = town.client();
    let (first, _) = log_in(&client, who).await?;
    let mut keys = HashSet::from([signed_with(&first)?.0]);
    while !stop.load(Ordering::Relaxed) || keys.len() < 2 {
        let (newest, _) = log_in(&client, who).await.context("a login")?;
        keys.insert(signed_with(&newest)?.0);
        for token in [&first, &newest, &newest, &newest] {
            let proof = Proof::Bearer(token.clone());
            let listed = client.list(&proof, &ListQuery::default()).await;
            listed.done().context("a good token was refused")?;
        }
    }
    Ok(keys)
}

/// The names of the keys that a replica publishes.
async fn published(town: &Town, number: usize) -> anyhow::Result<HashSet<String>> {
    let client = town.replica(number).client();
    let page = client.send(client.request(Method::GET, paths::JWKS)).await?.body;
    let page: Value = serde_json::from_slice(&page)?;
    let keys = page["keys"].as_array().context("keys")?.iter();
    keys.map(|key| anyhow::Ok(key["kid"].as_str().context("a name")?.to_owned()))
        .collect()
}

/// Rotates, and waits until every replica signs with the new key. Returns its name.
async fn rotate(town: &Town, old: &str) -> anyhow::Result<String> {
    let root = town.sign_in(&town.root).await?;
    let client = town.client();
    let request = client.proven(&root, Method::POST, paths::ADMIN_KEYS_ROTATE);
    let rotated = client.json::<Message>(request).await.done()?;
    let new = eventually(PATIENCE, "a new key that signs everywhere", async || {
        let mut keys = HashSet::new();
        for replica in town.replicas() {
            keys.insert(signed_with(&log_in(&replica.client(), &town.bob).await?.0)?.0);
        }
        let only = if keys.len() == 1 { keys.into_iter().next() } else { None };
        Ok(only.filter(|key| key != old))
    });
    let new = new.await?;
    equal("it was named", rotated.body.message.contains(&new), true)?;

    let id = rotated.request_id().context("an id")?;
    let audit = format!("{}?request_id={id}", paths::ADMIN_AUDIT);
    let audit = client.json::<Audit>(client.proven(&root, Method::GET, &audit)).await;
    let entries = audit.done()?.body.entries;
    let rows: Vec<_> = entries
        .iter()
        .map(|row| [row.actor.as_str(), row.action.as_str(), row.subject.as_str()])
        .collect();
    equal("what is written down", rows, vec![["root", "key.rotated", new.as_str()]])?;
    Ok(new)
}

async fn rotated_under_traffic(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm, "--key-refresh-ms", "1000"];
    let town = Town::new(Stores::Real, "token", &flags).await?;
    let (before, _) = log_in(&town.client(), &town.alice).await?;
    let (old, spelled) = signed_with(&before)?;
    equal("the algorithm", spelled.to_lowercase().as_str(), algorithm)?;
    let stop = AtomicBool::new(false);
    let rotation = async {
        let new = rotate(&town, &old).await?;
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(new)
    };
    let (alice, bob) =
        (traffic(&town, &town.alice, &stop), traffic(&town, &town.bob, &stop));
    let (new, alices, bobs) = tokio::try_join!(rotation, alice, bob)?;
    let both = HashSet::from([old, new]);
    for met in [alices, bobs] {
        equal("the keys that the traffic met", &met, &both)?;
    }
    for number in 0..town.replicas().len() {
        equal("the keys that are published", &published(&town, number).await?, &both)?;
    }
    town.accept(&Proof::Bearer(before)).await.context("signed by the old key")
}

/// Item 18. An admin has the keys changed while people log in and work at three replicas,
/// which know different keys for a while: nobody who has a good token is refused, tokens of
/// either key are good, and from some moment on all are signed by the new one.
#[tokio::test]
async fn keys_are_rotated_under_traffic_and_no_good_token_is_refused()
-> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        rotated_under_traffic(algorithm).await.context(algorithm)?;
    }
    Ok(())
}
