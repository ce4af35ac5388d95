//! Ownership: the reply for a foreign file equals that for a nonexistent file (ASVS 8.2.2).

use crate::checks::{listing, nonexistent_id};
use crate::target::Target;
use anyhow::Context;
use api_contract::files::ListQuery;
use api_contract::headers;
use api_contract::paths;
use client::expect::equal;
use client::{Client, Credential, Upload};
use http::header::{DATE, HeaderName};
use http::{Method, StatusCode};
use serde_json::Value;

/// `GET` as JSON.
pub async fn foreign_file_description_is_not_found(
    target: &Target,
) -> anyhow::Result<()> {
    is_indistinguishable(target, Method::GET, paths::file).await
}

/// `GET` of the bytes.
pub async fn foreign_file_content_is_not_found(target: &Target) -> anyhow::Result<()> {
    is_indistinguishable(target, Method::GET, paths::file_content).await
}

/// `HEAD` of the JSON and of the bytes.
pub async fn head_of_a_foreign_file_is_not_found(target: &Target) -> anyhow::Result<()> {
    is_indistinguishable(target, Method::HEAD, paths::file).await?;
    is_indistinguishable(target, Method::HEAD, paths::file_content).await
}

/// `DELETE` gets the same reply, and the file is kept.
pub async fn foreign_file_cannot_be_deleted(target: &Target) -> anyhow::Result<()> {
    is_indistinguishable(target, Method::DELETE, paths::file).await
}

/// A listing has no file of another account.
pub async fn listing_shows_own_files_only(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    let before = listing(&client, &bob).await?;
    let hers = client.upload(&alice, &Upload::new("hers", "hers")).await.done()?;
    equal("bob's listing", listing(&client, &bob).await?, before)?;
    let files = listing(&client, &alice).await?.files;
    equal("alice's newest", &files[0].file_id, &hers.body.file_id)
}

/// A cursor of alice shows bob none of her files.
pub async fn foreign_cursor_shows_no_foreign_files(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    for name in ["one", "two", "three"] {
        client.upload(&alice, &Upload::new(name, name)).await.done()?;
    }
    let first = ListQuery { limit: Some(1), cursor: None };
    let cursor = client.list(&alice, &first).await.done()?.body.next_cursor;
    let page = ListQuery {
        limit: Some(200),
        cursor: Some(cursor.context("alice has a second page")?),
    };
    let hers = listing(&client, &alice).await?.files;
    if let Ok(reply) = client.list(&bob, &page).await.done() {
        let leaked = reply.body.files.iter().any(|file| hers.contains(file));
        equal("bob sees a file of alice", leaked, false)?;
    }
    Ok(())
}

/// Compares the replies that bob gets for a file of alice and for a nonexistent one.
async fn is_indistinguishable(
    target: &Target,
    method: Method,
    path: fn(&str) -> String,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    let file = Upload::new("private.txt", "of alice");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;

    let hers = comparable_reply(&client, &bob, &method, &path(&id)).await?;
    let nonexistent =
        comparable_reply(&client, &bob, &method, &path(&nonexistent_id())).await?;
    equal("the status", hers.status, StatusCode::NOT_FOUND)?;
    equal("the reply for a file of alice", hers, nonexistent)?;

    let content = client.content(&alice, &id).await.done()?;
    equal("alice's bytes", content.body, file.bytes)
}

/// The comparable part of a reply: without the request id, the time and the replica id.
#[derive(Debug, PartialEq)]
struct ComparableReply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Value,
}

async fn comparable_reply(
    client: &Client,
    credential: &Credential,
    method: &Method,
    path: &str,
) -> anyhow::Result<ComparableReply> {
    let reply =
        client.send(client.authenticated(credential, method.clone(), path)).await?;
    let ignored = [
        HeaderName::from_static(headers::REQUEST_ID),
        HeaderName::from_static(headers::SERVED_BY),
        DATE,
    ];
    let kept = reply
        .headers
        .iter()
        .filter(|(name, _)| !ignored.contains(name))
        .map(|(name, value)| (name.clone(), format!("{value:?}")))
        .collect();
    let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if let Some(instance) = body.get_mut("instance") {
        *instance = Value::Null;
    }
    Ok(ComparableReply { status: reply.status, headers: kept, body })
}
