//! Objects of other accounts are indistinguishable from objects that do not exist.

use crate::account_client::AccountClient;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::headers::{REQUEST_ID, SERVED_BY};
use api_contract::paths;
use api_contract::uploads::{UploadComplete, headers};
use client::Upload;
use client::expect::equal;
use http::header::{DATE, RANGE};
use http::{HeaderMap, Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;

/// Objects of alice, by id.
pub(crate) struct AliceObjects {
    pub(crate) alice: AccountClient,
    pub(crate) file: String,
    presigned: String,
    tus: String,
}

impl AliceObjects {
    pub(crate) async fn of(app: &TestApp) -> anyhow::Result<Self> {
        let (client, credential) = (app.client(), app.sign_in(&app.alice).await?);
        let alice = AccountClient { client, credential };
        let file = Upload::new("hers.txt", "of alice");
        let file =
            alice.client.upload(&alice.credential, &file).await.done()?.body.file_id;
        let started = alice.start_upload("hers.bin", 4).await.done()?.body;
        let put = alice.client.request(Method::PUT, &started.url).body("hers");
        equal("PUT", alice.client.send(put).await?.status, StatusCode::OK)?;
        let path = alice.create("hers.tus", 8).await?;
        alice.append(&path, 0, b"hers").await?;
        let tus = path.rsplit('/').next().context("an id")?.to_owned();
        Ok(Self { alice, file, presigned: started.upload_id, tus })
    }

    /// Checks that all objects are unchanged.
    async fn check_unchanged(&self) -> anyhow::Result<()> {
        let Self { alice, file, presigned, tus } = self;
        let read = alice.client.content(&alice.credential, file).await.done()?.body;
        equal("the file of alice", read.as_ref(), b"of alice")?;
        let path = format!("{}/{tus}", paths::TUS);
        equal("the tus upload of alice", alice.offset(&path).await?, 4)?;
        let completed = alice.complete_upload(presigned).await.status()?;
        equal("the presigned upload of alice", completed, StatusCode::CREATED)
    }
}

/// A call that names an object, with the id as parameter.
type Call = fn(&AccountClient, &str) -> RequestBuilder;

const FILE_CALLS: &[(&str, Call)] = &[
    ("describe", |account, id| account.request(Method::GET, &paths::file(id))),
    ("ask about", |account, id| account.request(Method::HEAD, &paths::file(id))),
    ("read", |account, id| account.request(Method::GET, &paths::file_content(id))),
    ("ask for", |account, id| account.request(Method::HEAD, &paths::file_content(id))),
    ("read a part of", |account, id| {
        account.request(Method::GET, &paths::file_content(id)).header(RANGE, "bytes=0-1")
    }),
    ("read past the end of", |account, id| {
        account.request(Method::GET, &paths::file_content(id)).header(RANGE, "bytes=999-")
    }),
    ("delete", |account, id| account.request(Method::DELETE, &paths::file(id))),
];

const UPLOAD_CALLS: &[(&str, Call)] = &[
    ("complete", |account, id| {
        let body = UploadComplete { upload_id: id.to_owned() };
        account.request(Method::POST, paths::UPLOADS_COMPLETE).json(&body)
    }),
    ("give up", |account, id| {
        account.request(Method::DELETE, &format!("{}/{id}", paths::UPLOADS))
    }),
    ("write to", |account, id| {
        let path = format!("{}/{id}/content?signature=x", paths::UPLOADS);
        account.request(Method::PUT, &path).body("evil")
    }),
    ("ask tus for", |account, id| {
        account.tus(Method::HEAD, &format!("{}/{id}", paths::TUS))
    }),
    ("append to", |account, id| {
        account.patch(&format!("{}/{id}", paths::TUS), 4).body("evil")
    }),
    ("append wrongly to", |account, id| {
        account
            .patch(&format!("{}/{id}", paths::TUS), 0)
            .header(headers::UPLOAD_CHECKSUM, "sha256 AAAA")
            .body("evil")
    }),
    ("terminate", |account, id| {
        account.tus(Method::DELETE, &format!("{}/{id}", paths::TUS))
    }),
];

/// The response without the parts that may differ: request id, time and replica.
pub(crate) async fn answer(
    account: &AccountClient,
    request: RequestBuilder,
) -> anyhow::Result<Answer> {
    let reply = account.client.send(request).await?;
    let mut headers = reply.headers.clone();
    for name in [REQUEST_ID, SERVED_BY, DATE.as_str()] {
        headers.remove(name);
    }
    let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if let Some(instance) = body.get_mut("instance") {
        *instance = Value::Null;
    }
    Ok((reply.status, headers, body))
}

pub(crate) type Answer = (StatusCode, HeaderMap, Value);

/// Item 33. Bob of the same organisation and carol of another try every call on the
/// objects of alice, also with headers that claim her organisation. They get the same
/// answer as for an id that does not exist.
#[tokio::test]
async fn objects_of_other_accounts_are_not_found_by_any_call() -> anyhow::Result<()> {
    for (kind, design) in [(StoreKind::Real, "central"), (StoreKind::Embedded, "token")] {
        let app = TestApp::new(kind, design, &[]).await?;
        let objects = AliceObjects::of(&app).await?;
        for login in [&app.bob, &app.carol] {
            let other = AccountClient {
                client: app.client(),
                credential: app.sign_in(login).await?,
            };
            let files = FILE_CALLS.iter().map(|call| (call, &objects.file));
            let uploads = UPLOAD_CALLS.iter().flat_map(|call| {
                [&objects.presigned, &objects.tus, &objects.file].map(|id| (call, id))
            });
            for ((action, call), id) in files.chain(uploads) {
                let with_claims = |request: RequestBuilder| {
                    let claims = ["x-tenant-id", "x-organisation", "x-forwarded-user"];
                    claims
                        .iter()
                        .fold(request, |request, name| request.header(*name, "t1"))
                };
                let made_up = uuid::Uuid::now_v7().to_string();
                let missing = answer(&other, call(&other, &made_up)).await?;
                let expected = [StatusCode::NOT_FOUND, StatusCode::FORBIDDEN];
                ensure!(
                    expected.contains(&missing.0),
                    "{action} a missing object: {missing:?}"
                );
                for request in [call(&other, id), with_claims(call(&other, id))] {
                    let response = answer(&other, request).await?;
                    let context =
                        format!("{}: {action} an object of alice", login.username);
                    equal(&context, response, missing.clone())?;
                }
            }
        }
        objects.check_unchanged().await.with_context(|| design.to_owned())?;
    }
    Ok(())
}
