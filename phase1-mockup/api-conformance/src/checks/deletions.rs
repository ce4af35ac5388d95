//! Deletions.

use crate::checks::{listing, nonexistent_id};
use crate::target::Target;
use anyhow::Context;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use client::expect::equal;
use client::{Client, Credential, Upload};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{Method, StatusCode};

/// Every call for the file returns 404, also when repeated.
pub async fn deleted_file_is_not_found(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "deleted").await?;
    client.delete(&alice, &id).await.done()?;
    for _ in 0..2 {
        is_not_found(&client, &alice, &id).await?;
    }
    let files = listing(&client, &alice).await?.files;
    let listed = files.iter().any(|file| file.file_id == id);
    equal("the file is still listed", listed, false)
}

/// The second deletion gets the same reply as the deletion of a nonexistent file.
pub async fn second_deletion_is_not_found(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "deleted").await?;
    client.delete(&alice, &id).await.done()?;
    for id in [id.as_str(), &nonexistent_id()] {
        let again = client.delete(&alice, id).await;
        again.refused_as(ProblemKind::FileNotFound)?;
    }
    Ok(())
}

/// A condition that fails keeps the file (RFC 9110 §13.1.1, §13.1.2).
pub async fn deletion_with_a_failing_condition_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("a", "a")).await.done()?.body;
    let (path, tag) = (paths::file(&created.file_id), format!("\"{}\"", created.sha256));
    let weak = format!("W/{tag}");
    for (name, value) in [
        (IF_MATCH, "\"old\""),
        (IF_MATCH, &weak),
        (IF_NONE_MATCH, "*"),
        (IF_NONE_MATCH, &tag),
    ] {
        let request = client.authenticated(&alice, Method::DELETE, &path);
        let outcome = client.json::<Message>(request.header(&name, value)).await;
        let refused = outcome.refused_as(ProblemKind::PreconditionFailed);
        refused.with_context(|| format!("{name}: {value}"))?;
    }
    let request = client.authenticated(&alice, Method::DELETE, &path);
    client.json::<Message>(request.header(IF_MATCH, &tag)).await.done()?;
    Ok(())
}

/// Of ten concurrent deletions one succeeds and the others return 404.
pub async fn concurrent_deletions_succeed_once(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = uploaded(&client, &alice, "deleted").await?;
    let attempts = (0..10).map(|_| client.delete(&alice, &id));
    let mut done = 0;
    for outcome in futures_util::future::join_all(attempts).await {
        match outcome.status()? {
            StatusCode::OK => done += 1,
            _ => drop(outcome.refused_as(ProblemKind::FileNotFound)?),
        }
    }
    equal("successful deletions", done, 1)
}

/// Another file with the same name and bytes is kept.
pub async fn deletion_keeps_other_files(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let deleted = uploaded(&client, &alice, "twin").await?;
    let kept = uploaded(&client, &alice, "twin").await?;
    client.delete(&alice, &deleted).await.done()?;
    let content = client.content(&alice, &kept).await.done()?;
    equal("the bytes", &content.body[..], b"twin")
}

/// A retry of the upload after the deletion must not undo the deletion.
pub async fn late_retry_does_not_restore_a_deleted_file(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let (file, key) = (Upload::new("late", "late"), uuid::Uuid::new_v4().to_string());
    let first = client.upload_with_key(&alice, &file, &key).await.done()?;
    let id = first.body.file_id;
    client.delete(&alice, &id).await.done()?;
    let before = listing(&client, &alice).await?;
    let retried = client.upload_with_key(&alice, &file, &key).await.done()?;
    equal("the retried upload's id", retried.body.file_id, id.as_str())?;
    is_not_found(&client, &alice, &id).await?;
    equal("the listing", listing(&client, &alice).await?, before)
}

async fn uploaded(
    client: &Client,
    credential: &Credential,
    name: &str,
) -> anyhow::Result<String> {
    let file = Upload::new(name, name.to_owned());
    Ok(client.upload(credential, &file).await.done()?.body.file_id)
}

async fn is_not_found(
    client: &Client,
    credential: &Credential,
    id: &str,
) -> anyhow::Result<()> {
    let not_found = ProblemKind::FileNotFound;
    client.file_json(credential, id).await.refused_as(not_found)?;
    client.content(credential, id).await.refused_as(not_found)?;
    let range = client.content_range(credential, id, "bytes=0-0").await;
    range.refused_as(not_found)?;
    for path in [paths::file(id), paths::file_content(id)] {
        let head =
            client.send(client.authenticated(credential, Method::HEAD, &path)).await?;
        equal("HEAD", head.status, StatusCode::NOT_FOUND)?;
    }
    Ok(())
}
