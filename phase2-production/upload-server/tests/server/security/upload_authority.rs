//! Uploads are authorised before the work, and again in the transaction that publishes.

use crate::account_client::{AccountClient, bytes_of};
use crate::half_open::HalfOpenRequest;
use crate::security::audited_actions::disabled;
use crate::security::test_app::TestApp;
use crate::security::upload_claims::start_signed;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::fixture::Started;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers as names};
use client::expect::equal;
use client::{Credential, Upload};
use futures_util::future::join_all;
use http::{Method, StatusCode};

/// The uploads of an account that are under way when the account changes.
struct UnderWay {
    form: HalfOpenRequest,
    patch: HalfOpenRequest,
    put: HalfOpenRequest,
    /// A signed URL that was not used yet.
    url: String,
}

impl UnderWay {
    async fn start(at: &Started, credential: &Credential) -> anyhow::Result<Self> {
        let alice = AccountClient { client: at.client(), credential: credential.clone() };
        let path = alice.create("a", 500).await?;
        let tus = format!(
            "{}: {TUS_VERSION}\r\n{}: 0\r\nContent-Type: {TUS_MEDIA_TYPE}",
            names::TUS_RESUMABLE,
            names::UPLOAD_OFFSET
        );
        let patch = format!("PATCH {path}");
        let put = format!("PUT {}", start_signed(&alice, 500).await?.url);
        let body = || bytes_of(500);
        Ok(Self {
            form: HalfOpenRequest::upload(at, credential).await?,
            patch: HalfOpenRequest::start(at, credential, &patch, &tus, body()).await?,
            put: HalfOpenRequest::start(at, credential, &put, "X-A: b", body()).await?,
            url: start_signed(&alice, 500).await?.url,
        })
    }

    /// The statuses of all replies.
    async fn finish(self, at: &Started) -> anyhow::Result<Vec<String>> {
        let slow = [self.form, self.patch, self.put].map(HalfOpenRequest::finish);
        let mut statuses = Vec::new();
        for reply in join_all(slow).await {
            statuses.push(reply?[9..12].to_owned());
        }
        let client = at.client();
        let put = client.request(Method::PUT, &self.url).body(bytes_of(500));
        statuses.push(client.send(put).await?.status.as_str().to_owned());
        Ok(statuses)
    }
}

/// Uploads that were begun before the account was disabled, signed out or given a new
/// password end as refused: form, tus, signed URL in use, and signed URL not used yet.
#[tokio::test]
async fn upload_begun_before_its_account_ends_is_refused() -> anyhow::Result<()> {
    for design in ["token", "central", "memory"] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        let root = match design {
            "memory" => app.replica(0).sign_in(&app.root).await?,
            _ => app.sign_in(&app.root).await?,
        };
        for action in ["disabled", "signed out"] {
            let (at, other) = (app.replica(0), app.replica(0));
            let alice = at.sign_in(&app.alice).await?;
            let under_way = UnderWay::start(at, &alice).await?;
            change(other, &root, action).await.context(action)?;
            let statuses = under_way.finish(at).await?;
            let are_refused =
                statuses.iter().all(|status| ["401", "403"].contains(&status.as_str()));
            ensure!(are_refused, "{design}, {action}: {statuses:?}");
            if action == "disabled" {
                change(other, &root, "enabled").await?;
            }
            let alice = at.sign_in(&app.alice).await?;
            let files = at.client().list(&alice, &ListQuery::default()).await.done()?;
            equal("files", files.body.files.len(), 0)?;
        }
    }
    Ok(())
}

/// Without revocation the token of a disabled account is valid until it expires.
#[tokio::test]
async fn disabled_account_removes_neither_file_nor_upload() -> anyhow::Result<()> {
    let more = ["--revocation", "none"];
    let app = TestApp::new(StoreKind::Embedded, "token", &more).await?;
    let (at, root) = (app.replica(0), app.sign_in(&app.root).await?);
    let credential = at.sign_in(&app.alice).await?;
    let alice = AccountClient { client: at.client(), credential };
    let file = Upload::of_size("kept", 500);
    let kept = alice.client.upload(&alice.credential, &file).await.done()?.body.file_id;
    let path = alice.create("a", 500).await?;
    change(at, &root, "disabled").await?;
    let deleted = alice.client.delete(&alice.credential, &kept).await;
    deleted.refused_as(ProblemKind::Forbidden)?;
    let aborted = alice.client.send(alice.tus(Method::DELETE, &path)).await?;
    equal("the status", aborted.status, StatusCode::FORBIDDEN)?;
    change(at, &root, "enabled").await?;
    equal("files", alice.files().await?, vec![kept])?;
    equal("the offset", alice.offset(&path).await?, 0)
}

async fn change(at: &Started, root: &Credential, action: &str) -> anyhow::Result<()> {
    let client = at.client();
    let request = match action {
        "signed out" => {
            let path = paths::ADMIN_USER_SIGN_OUT.replace("{username}", "alice");
            client.authenticated(root, Method::POST, &path)
        }
        _ => {
            let path = paths::ADMIN_USER.replace("{username}", "alice");
            let request = client.authenticated(root, Method::PATCH, &path);
            request.json(&disabled(action == "disabled"))
        }
    };
    let reply = client.send(request).await?;
    ensure!(reply.status == StatusCode::OK, "{reply:?}");
    Ok(())
}
