//! What strangers may learn or do by guessing: nothing from the time an answer takes, from
//! ids, from other people's idempotency keys, or as the admin of another organisation.

use crate::on::Stores;
use crate::security::ownership::{Hers, answer};
use crate::security::people::Town;
use crate::steps::{Person, blobs};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_conformance::process::PATIENCE;
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::paths;
use api_contract::uploads::headers;
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Item 33. Nor does the time tell: a hundred pairs of questions, in turn, for a file of
/// alice's and for one of nobody's; the medians are less than a factor of two apart.
#[tokio::test]
async fn the_time_does_not_tell_what_exists() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let hers = Hers::of(&town).await?;
    // One replica and one connection, so that only the question differs.
    let carol = Person {
        client: town.replica(0).client(),
        proof: town.sign_in(&town.carol).await?,
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        let made_up = uuid::Uuid::now_v7().to_string();
        for (id, times) in [&hers.file, &made_up].into_iter().zip(&mut times) {
            let began = Instant::now();
            let reply =
                carol.client.send(carol.ask(Method::GET, &paths::file(id))).await?;
            times.push(began.elapsed());
            equal("the status", reply.status, StatusCode::NOT_FOUND)?;
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [hers, nobodys] = &mut times;
    let ratio = median(hers) / median(nobodys);
    ensure!((0.5..2.0).contains(&ratio), "one takes {ratio:.2} times as long");
    Ok(())
}

/// Item 33. Ids are not counted: forty in a row share no end, and no two are neighbours.
#[tokio::test]
async fn ids_cannot_be_counted() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, proof) = (town.client(), town.sign_in(&town.alice).await?);
    let mut ends = BTreeSet::new();
    for number in 0..40 {
        let file = Upload::new(format!("{number}"), "x");
        let id = client.upload(&proof, &file).await.done()?.body.file_id;
        // UUID version 7: after the time, 62 bits that are random (RFC 9562 §5.7).
        let (_, end) = uuid::Uuid::parse_str(&id)?.as_u64_pair();
        ends.insert(end & (u64::MAX >> 2));
    }
    equal("different ends", ends.len(), 40)?;
    let sorted: Vec<_> = ends.into_iter().collect();
    let closest = sorted.windows(2).map(|pair| pair[1] - pair[0]).min();
    ensure!(closest > Some(1 << 32), "two ids are neighbours: {closest:?} apart");
    Ok(())
}

/// Item 33. Another's idempotency key is a key like any other: bob's upload with alice's
/// key is bob's own, and tells nothing of hers.
#[tokio::test]
async fn anothers_idempotency_key_means_nothing() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "token", &[]).await?;
    let client = town.client();
    let file = Upload::new("same.txt", "the same bytes");
    let mut ids = BTreeSet::new();
    for who in [&town.alice, &town.bob, &town.carol] {
        let proof = town.sign_in(who).await?;
        let stored =
            client.upload_with_key(&proof, &file, "the-same-key").await.done()?;
        let again = client.upload_with_key(&proof, &file, "the-same-key").await.done()?;
        equal("one's own repetition", &again.body.file_id, &stored.body.file_id)?;
        ids.insert(stored.body.file_id);
        let person = Person { client: client.clone(), proof };
        let path = person.tus(Method::POST, paths::TUS);
        let path =
            path.header(headers::UPLOAD_LENGTH, 4).header(IDEMPOTENCY_KEY, "tus-key");
        let reply = client.send(path).await?;
        equal("tus with the same key", reply.status, StatusCode::CREATED)?;
    }
    equal("different files", ids.len(), 3)?;
    equal("blobs", blobs(&town.world.fixture).len(), 3)
}

/// Item 33. An admin looks after their own organisation: carol of `t2` is nobody to root
/// of `t1`, and to members the calls of admins are closed, whoever they name.
#[tokio::test]
async fn an_admin_reaches_nobody_in_another_organisation() -> anyhow::Result<()> {
    for (stores, design) in [(Stores::Real, "central"), (Stores::Embedded, "token")] {
        let town = Town::new(stores, design, &[]).await?;
        let client = town.client();
        let carol = town.sign_in(&town.carol).await?;
        let root =
            Person { client: client.clone(), proof: town.sign_in(&town.root).await? };
        let member = Person { client: client.clone(), proof: carol.clone() };
        let calls: [fn(&Person, &str) -> RequestBuilder; 2] = [
            |who, name| {
                let path = format!("{}/{name}", paths::ADMIN_USERS);
                who.ask(Method::PATCH, &path).json(&json!({ "disabled": true }))
            },
            |who, name| {
                who.ask(Method::POST, &format!("{}/{name}/sign-out", paths::ADMIN_USERS))
            },
        ];
        for call in calls {
            let nobody = answer(&root, call(&root, "mallory")).await?;
            equal("nobody", nobody.0, StatusCode::NOT_FOUND)?;
            equal("carol", answer(&root, call(&root, "carol")).await?, nobody)?;
            for name in ["alice", "carol", "mallory"] {
                let refused = answer(&member, call(&member, name)).await?;
                equal(name, refused.0, StatusCode::FORBIDDEN)?;
            }
        }
        for path in [paths::ADMIN_USERS, paths::ADMIN_AUDIT] {
            let reply = client.send(root.ask(Method::GET, path)).await?;
            equal(path, reply.status, StatusCode::OK)?;
            let text = String::from_utf8_lossy(&reply.body).into_owned();
            ensure!(!text.contains("carol"), "{path} tells of carol: {text}");
        }
        town.accept(&carol).await?;
    }
    Ok(())
}

/// Item 33. An upload of alice's whose time is up is not found either: to bob it never was.
#[tokio::test]
async fn an_expired_upload_of_anothers_is_not_found() -> anyhow::Result<()> {
    let flags = ["--upload-life-ms", "1000"];
    let town = Town::new(Stores::Embedded, "central", &flags).await?;
    let client = town.client();
    let alice =
        Person { client: client.clone(), proof: town.sign_in(&town.alice).await? };
    let bob = Person { client, proof: town.sign_in(&town.bob).await? };
    let path = alice.create("hers.bin", 8).await?;
    eventually(PATIENCE, "the end of alice's upload", async || {
        let status = alice.head(&path).await?.status;
        Ok((status == StatusCode::GONE).then_some(()))
    })
    .await?;
    let made_up = format!("{}/{}", paths::TUS, uuid::Uuid::now_v7());
    let nobodys = answer(&bob, bob.tus(Method::HEAD, &made_up)).await?;
    let hers = answer(&bob, bob.tus(Method::HEAD, &path)).await?;
    equal("to bob", hers, nobodys)
}
