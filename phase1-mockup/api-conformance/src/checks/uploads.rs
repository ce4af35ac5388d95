//! Uploads, their limits, and idempotency keys.

use crate::checks::listing;
use crate::target::Target;
use anyhow::Context;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::digest::sha256;
use client::expect::equal;
use client::{CallResult, Client, Credential, Form, Upload};
use futures_util::future::try_join_all;
use http::StatusCode;
use http::header::{LOCATION, RETRY_AFTER};
use std::time::Duration;

/// The 201 has the URL, the size and the hash of the stored file.
pub async fn upload_reply_describes_the_file(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::of_size("notes.txt", 10_000);
    let reply = client.upload(&alice, &file).await.done()?;
    let created = &reply.body;
    equal("the status", reply.status, StatusCode::CREATED)?;
    equal("the name", created.name.as_str(), "notes.txt")?;
    equal("the size", created.size, 10_000)?;
    equal("the hash", created.sha256.as_str(), sha256(&file.bytes))?;
    let url = paths::file(&created.file_id);
    equal("the URL", created.url.as_str(), url)?;
    equal("Location", reply.header(LOCATION), Some(created.url.as_str()))?;
    let replica = Some(created.served_by.as_str());
    equal("the replica in the header", reply.served_by(), replica)
}

/// A file of zero bytes is valid.
pub async fn empty_file_is_accepted(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("empty", "")).await.done()?;
    equal("the size", created.body.size, 0)?;
    equal("the hash", created.body.sha256.as_str(), sha256(b""))?;
    let content = client.content(&alice, &created.body.file_id).await.done()?;
    equal("the bytes", content.body.len(), 0)
}

/// The limit is inclusive.
pub async fn file_of_maximum_size_is_accepted(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::of_size("full", target.max_upload);
    let created = client.upload(&alice, &file).await.done()?;
    equal("the hash", created.body.sha256, sha256(&file.bytes))
}

/// One byte too many, with and without `Content-Length`; nothing is stored (ASVS 5.2.1).
pub async fn file_above_the_limit_is_not_stored(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let file = Upload::of_size("too large", target.max_upload + 1);
    for form in [Form::of(&file), Form::of(&file).without_length()] {
        let refused = client.upload_form(&alice, form).await;
        refused.refused_as(ProblemKind::UploadTooLarge)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)
}

/// Unused parts count as well, because they must not bypass the limit.
pub async fn large_form_field_counts_toward_the_limit(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let ballast = "x".repeat(target.max_upload + 100_000);
    let file = Upload::new("small", "small");
    let form = Form::empty().field("ballast", &ballast).file("file", &file);
    let refused = client.upload_form(&alice, form.without_length()).await;
    refused.refused_as(ProblemKind::UploadTooLarge)?;
    equal("the listing", listing(&client, &alice).await?, before)
}

/// A retry gets the first reply again.
pub async fn repeated_idempotency_key_stores_one_file(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?.files.len();
    let (file, key) = (Upload::of_size("once", 5_000), uuid::Uuid::new_v4().to_string());
    let first = client.upload_with_key(&alice, &file, &key).await.done()?;
    let again = client.upload_with_key(&alice, &file, &key).await.done()?;
    equal("the second reply", &again.body, &first.body)?;
    equal("its status", again.status, first.status)?;
    let after = listing(&client, &alice).await?.files.len();
    equal("files in the listing", after, before + 1)
}

/// Another upload with the same key is a client error.
pub async fn idempotency_key_cannot_be_reused_for_other_bytes(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let key = uuid::Uuid::new_v4().to_string();
    let file = Upload::new("report", "first");
    client.upload_with_key(&alice, &file, &key).await.done()?;
    let before = listing(&client, &alice).await?;
    let other = Upload::new("report", "other");
    let refused = client.upload_with_key(&alice, &other, &key).await;
    refused.refused_as(ProblemKind::IdempotencyKeyReused)?;
    equal("the listing", listing(&client, &alice).await?, before)
}

/// A key must not reveal that another account has used it.
pub async fn idempotency_key_is_scoped_to_the_account(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    let key = uuid::Uuid::new_v4().to_string();
    let hers = Upload::new("hers", "of alice");
    let his = Upload::new("his", "of bob");
    let first = client.upload_with_key(&alice, &hers, &key).await.done()?;
    let second = client.upload_with_key(&bob, &his, &key).await.done()?;
    equal("bob's hash", second.body.sha256.as_str(), sha256(&his.bytes))?;
    let same = first.body.file_id == second.body.file_id;
    equal("one id for the files of two accounts", same, false)
}

/// Of twenty concurrent requests the first stores the file, and all get its reply. Ten rounds,
/// because a race condition does not show every time.
pub async fn concurrent_uploads_with_one_key_store_one_file(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?.files.len();
    let file = Upload::of_size("race", 2_000);
    for round in 1..=10 {
        let key = uuid::Uuid::new_v4().to_string();
        let attempts = (0..20).map(|_| upload_until_served(&client, &alice, &file, &key));
        let ids = try_join_all(attempts).await?;
        equal("all ids are equal", ids.iter().all(|id| *id == ids[0]), true)?;
        let after = listing(&client, &alice).await?.files.len();
        equal("files in the listing", after, before + round)?;
    }
    Ok(())
}

/// Uploads as a client does that has a key: it repeats a refusal with status 503 after the time
/// in `Retry-After`, at most five times.
async fn upload_until_served(
    client: &Client,
    credential: &Credential,
    file: &Upload,
    key: &str,
) -> anyhow::Result<String> {
    for _ in 0..5 {
        match client.upload_with_key(credential, file, key).await {
            CallResult::Refused(busy)
                if busy.status == StatusCode::SERVICE_UNAVAILABLE =>
            {
                let seconds = busy.header(RETRY_AFTER).context("503 has Retry-After")?;
                tokio::time::sleep(Duration::from_secs(seconds.parse()?)).await;
            }
            other => return Ok(other.done()?.body.file_id),
        }
    }
    Ok(client.upload_with_key(credential, file, key).await.done()?.body.file_id)
}

/// Without a key, two uploads of the same bytes are two files.
pub async fn uploads_without_a_key_are_separate_files(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("same", "same");
    let first = client.upload(&alice, &file).await.done()?.body;
    let second = client.upload(&alice, &file).await.done()?.body;
    equal("the hashes", &first.sha256, &second.sha256)?;
    equal("one id", first.file_id == second.file_id, false)
}
