//! Other people's things: they cannot be told from things that never were.

use crate::on::Stores;
use crate::security::people::Town;
use crate::steps::{Person, blobs};
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_contract::headers::{IDEMPOTENCY_KEY, REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::uploads::{UploadComplete, UploadStart, UploadStarted, headers};
use http::header::{DATE, RANGE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What alice has, by its ids.
struct Hers {
    alice: Person,
    file: String,
    presigned: String,
    tus: String,
}

impl Hers {
    async fn of(town: &Town) -> anyhow::Result<Self> {
        let (client, proof) = (town.client(), town.sign_in(&town.alice).await?);
        let alice = Person { client, proof };
        let file = Upload::new("hers.txt", "of alice");
        let file = alice.client.upload(&alice.proof, &file).await.done()?.body.file_id;
        let asked = UploadStart {
            name: "hers.bin".to_owned(),
            content_type: "text/plain".to_owned(),
            size: 4,
        };
        let start = alice.ask(Method::POST, paths::UPLOADS_START).json(&asked);
        let started: UploadStarted = alice.client.json(start).await.done()?.body;
        let put = alice.client.request(Method::PUT, &started.url).body("hers");
        equal("PUT", alice.client.send(put).await?.status, StatusCode::OK)?;
        let path = alice.create("hers.tus", 8).await?;
        alice.append(&path, 0, b"hers").await?;
        let tus = path.rsplit('/').next().context("an id")?.to_owned();
        Ok(Self { alice, file, presigned: started.upload_id, tus })
    }

    /// It is all still there and as it was.
    async fn are_untouched(&self) -> anyhow::Result<()> {
        let Self { alice, file, presigned, tus } = self;
        let read = alice.client.content(&alice.proof, file).await.done()?.body;
        equal("her file", read.as_ref(), b"of alice")?;
        let path = format!("{}/{tus}", paths::TUS);
        equal("her tus upload", alice.offset(&path).await?, 4)?;
        let body = UploadComplete { upload_id: presigned.clone() };
        let complete = alice.ask(Method::POST, paths::UPLOADS_COMPLETE).json(&body);
        let reply = alice.client.send(complete).await?;
        equal("her presigned upload", reply.status, StatusCode::CREATED)
    }
}

/// Every call that names a thing, with the id to be put in.
type Call = fn(&Person, &str) -> RequestBuilder;

const FILE_CALLS: &[(&str, Call)] = &[
    ("describe", |who, id| who.ask(Method::GET, &paths::file(id))),
    ("ask about", |who, id| who.ask(Method::HEAD, &paths::file(id))),
    ("read", |who, id| who.ask(Method::GET, &paths::file_content(id))),
    ("ask for", |who, id| who.ask(Method::HEAD, &paths::file_content(id))),
    ("read a part of", |who, id| {
        who.ask(Method::GET, &paths::file_content(id)).header(RANGE, "bytes=0-1")
    }),
    ("read past the end of", |who, id| {
        who.ask(Method::GET, &paths::file_content(id)).header(RANGE, "bytes=999-")
    }),
    ("delete", |who, id| who.ask(Method::DELETE, &paths::file(id))),
];

const UPLOAD_CALLS: &[(&str, Call)] = &[
    ("complete", |who, id| {
        let body = UploadComplete { upload_id: id.to_owned() };
        who.ask(Method::POST, paths::UPLOADS_COMPLETE).json(&body)
    }),
    ("give up", |who, id| who.ask(Method::DELETE, &format!("{}/{id}", paths::UPLOADS))),
    ("write to", |who, id| {
        let path = format!("{}/{id}/content?signature=x", paths::UPLOADS);
        who.ask(Method::PUT, &path).body("evil")
    }),
    ("ask tus for", |who, id| who.tus(Method::HEAD, &format!("{}/{id}", paths::TUS))),
    ("append to", |who, id| {
        who.patch(&format!("{}/{id}", paths::TUS), 4).body("evil")
    }),
    ("append wrongly to", |who, id| {
        who.patch(&format!("{}/{id}", paths::TUS), 0)
            .header(headers::UPLOAD_CHECKSUM, "sha256 AAAA")
            .body("evil")
    }),
    ("terminate", |who, id| who.tus(Method::DELETE, &format!("{}/{id}", paths::TUS))),
];

/// All of an answer that may not differ: everything but the request's id, the time, and
/// which replica it was.
async fn answer(who: &Person, request: RequestBuilder) -> anyhow::Result<Answer> {
    let reply = who.client.send(request).await?;
    let mut headers = reply.headers.clone();
    for of_the_request in [REQUEST_ID, SERVED_BY, DATE.as_str()] {
        headers.remove(of_the_request);
    }
    let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if let Some(instance) = body.get_mut("instance") {
        *instance = Value::Null;
    }
    Ok((reply.status, headers, body))
}

type Answer = (StatusCode, HeaderMap, Value);

/// Item 33. Bob, of the same organisation, and carol, of another, try every call on what
/// alice has, and get just the answer that an id gets which nobody was given; so do they
/// with headers that claim to be of her organisation.
#[tokio::test]
async fn what_belongs_to_another_is_not_found_by_any_call() -> anyhow::Result<()> {
    for (stores, design) in [(Stores::Real, "central"), (Stores::Embedded, "token")] {
        let town = Town::new(stores, design, &[]).await?;
        let hers = Hers::of(&town).await?;
        for who in [&town.bob, &town.carol] {
            let other =
                Person { client: town.client(), proof: town.sign_in(who).await? };
            let files = FILE_CALLS.iter().map(|call| (call, &hers.file));
            let uploads = UPLOAD_CALLS.iter().flat_map(|call| {
                [&hers.presigned, &hers.tus, &hers.file].map(|id| (call, id))
            });
            for ((what, call), id) in files.chain(uploads) {
                let claim = |request: RequestBuilder| {
                    let claims = ["x-tenant-id", "x-organisation", "x-forwarded-user"];
                    claims.iter().fold(request, |request, name| request.header(*name, "t1"))
                };
                let made_up = uuid::Uuid::now_v7().to_string();
                let nobodys = answer(&other, call(&other, &made_up)).await?;
                let gone = [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN];
                ensure!(gone.contains(&nobodys.0), "to {what} nothing: {nobodys:?}");
                for request in [call(&other, id), claim(call(&other, id))] {
                    let answered = answer(&other, request).await?;
                    let told = format!("{} may {what} what is alice's", who.username);
                    equal(&told, answered, nobodys.clone())?;
                }
            }
        }
        hers.are_untouched().await.with_context(|| design.to_owned())?;
    }
    Ok(())
}

/// Item 33. Nor does the time tell: a hundred pairs of questions, in turn, for a file of
/// alice's and for one of nobody's; the medians are less than a factor of two apart.
#[tokio::test]
async fn the_time_does_not_tell_what_exists() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let hers = Hers::of(&town).await?;
    // One replica and one connection, so that only the question differs.
    let carol =
        Person { client: town.replica(0).client(), proof: town.sign_in(&town.carol).await? };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..100 {
        let made_up = uuid::Uuid::now_v7().to_string();
        for (id, times) in [&hers.file, &made_up].into_iter().zip(&mut times) {
            let began = Instant::now();
            let reply = carol.client.send(carol.ask(Method::GET, &paths::file(id))).await?;
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
        let stored = client.upload_with_key(&proof, &file, "the-same-key").await.done()?;
        let again = client.upload_with_key(&proof, &file, "the-same-key").await.done()?;
        equal("one's own repetition", &again.body.file_id, &stored.body.file_id)?;
        ids.insert(stored.body.file_id);
        let person = Person { client: client.clone(), proof };
        let path = person.tus(Method::POST, paths::TUS);
        let path = path.header(headers::UPLOAD_LENGTH, 4).header(IDEMPOTENCY_KEY, "tus-key");
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
        let root = Person { client: client.clone(), proof: town.sign_in(&town.root).await? };
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
