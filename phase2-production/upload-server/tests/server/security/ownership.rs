//! Other people's things: they cannot be told from things that never were.

use crate::on::Stores;
use crate::security::people::Town;
use crate::steps::Person;
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::uploads::{UploadComplete, UploadStart, UploadStarted, headers};
use http::header::{DATE, RANGE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;

/// What alice has, by its ids.
pub(crate) struct Hers {
    pub(crate) alice: Person,
    pub(crate) file: String,
    presigned: String,
    tus: String,
}

impl Hers {
    pub(crate) async fn of(town: &Town) -> anyhow::Result<Self> {
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
    ("append to", |who, id| who.patch(&format!("{}/{id}", paths::TUS), 4).body("evil")),
    ("append wrongly to", |who, id| {
        who.patch(&format!("{}/{id}", paths::TUS), 0)
            .header(headers::UPLOAD_CHECKSUM, "sha256 AAAA")
            .body("evil")
    }),
    ("terminate", |who, id| who.tus(Method::DELETE, &format!("{}/{id}", paths::TUS))),
];

/// All of an answer that may not differ: everything but the request's id, the time, and
/// which replica it was.
pub(crate) async fn answer(
    who: &Person,
    request: RequestBuilder,
) -> anyhow::Result<Answer> {
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

pub(crate) type Answer = (StatusCode, HeaderMap, Value);

/// Item 33. Bob, of the same organisation, and carol, of another, try every call on what
/// alice has, and get just the answer that an id gets which nobody was given; so do they
/// with headers that claim to be of her organisation.
#[tokio::test]
async fn what_belongs_to_another_is_not_found_by_any_call() -> anyhow::Result<()> {
    for (stores, design) in [(Stores::Real, "central"), (Stores::Embedded, "token")] {
        let town = Town::new(stores, design, &[]).await?;
        let hers = Hers::of(&town).await?;
        for who in [&town.bob, &town.carol] {
            let other = Person { client: town.client(), proof: town.sign_in(who).await? };
            let files = FILE_CALLS.iter().map(|call| (call, &hers.file));
            let uploads = UPLOAD_CALLS.iter().flat_map(|call| {
                [&hers.presigned, &hers.tus, &hers.file].map(|id| (call, id))
            });
            for ((what, call), id) in files.chain(uploads) {
                let claim = |request: RequestBuilder| {
                    let claims = ["x-tenant-id", "x-organisation", "x-forwarded-user"];
                    claims
                        .iter()
                        .fold(request, |request, name| request.header(*name, "t1"))
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
