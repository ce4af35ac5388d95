//! Ownership: another's file cannot be told from one that never was (ASVS 8.2.2).

use crate::checks::{listing, made_up_id};
use crate::client::Client;
use crate::expect::equal;
use crate::form::Upload;
use crate::proof::Proof;
use crate::target::Target;
use anyhow::Context;
use api_contract::files::ListQuery;
use api_contract::headers;
use api_contract::paths;
use http::header::{DATE, HeaderName};
use http::{Method, StatusCode};
use serde_json::Value;

/// Reading it as JSON.
pub async fn anothers_file_cannot_be_described(target: &Target) -> anyhow::Result<()> {
    cannot_be_told_apart(target, Method::GET, paths::file).await
}

/// Reading its bytes.
pub async fn anothers_file_cannot_be_read(target: &Target) -> anyhow::Result<()> {
    cannot_be_told_apart(target, Method::GET, paths::file_content).await
}

/// Asking for its headers only.
pub async fn anothers_file_cannot_be_asked_about(target: &Target) -> anyhow::Result<()> {
    cannot_be_told_apart(target, Method::HEAD, paths::file).await?;
    cannot_be_told_apart(target, Method::HEAD, paths::file_content).await
}

/// Deleting it: the answer is the same, and the file is still there.
pub async fn anothers_file_cannot_be_deleted(target: &Target) -> anyhow::Result<()> {
    cannot_be_told_apart(target, Method::DELETE, paths::file).await
}

/// Each sees their own files and nothing of the other's.
pub async fn a_listing_shows_the_callers_files_only(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    let before = listing(&client, &bob).await?;
    let hers = client.upload(&alice, &Upload::new("hers", "hers")).await.done()?;
    equal("bob's listing", listing(&client, &bob).await?, before)?;
    let files = listing(&client, &alice).await?.files;
    equal("alice's newest", &files[0].file_id, &hers.body.file_id)
}

/// A cursor of alice's shows bob nothing of hers.
pub async fn anothers_cursor_opens_nothing(target: &Target) -> anyhow::Result<()> {
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
        equal("bob sees a file of alice's", leaked, false)?;
    }
    Ok(())
}

/// Asks as bob for alice's file and for one that never was, and compares.
async fn cannot_be_told_apart(
    target: &Target,
    method: Method,
    path: fn(&str) -> String,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let bob = target.sign_in(&target.bob).await?;
    let file = Upload::new("private.txt", "of alice");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;

    let hers = answer(&client, &bob, &method, &path(&id)).await?;
    let nobodys = answer(&client, &bob, &method, &path(&made_up_id())).await?;
    equal("the status", hers.status, StatusCode::NOT_FOUND)?;
    equal("the answer for a file of alice's", hers, nobodys)?;

    let content = client.content(&alice, &id).await.done()?;
    equal("alice's bytes", content.body, file.bytes)
}

/// All of an answer that may not differ: everything but the request's id, the time, and
/// which replica it was.
#[derive(Debug, PartialEq)]
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Value,
}

async fn answer(
    client: &Client,
    proof: &Proof,
    method: &Method,
    path: &str,
) -> anyhow::Result<Answer> {
    let reply = client.send(client.proven(proof, method.clone(), path)).await?;
    let of_the_request = [
        HeaderName::from_static(headers::REQUEST_ID),
        HeaderName::from_static(headers::SERVED_BY),
        DATE,
    ];
    let kept = reply
        .headers
        .iter()
        .filter(|(name, _)| !of_the_request.contains(name))
        .map(|(name, value)| (name.clone(), format!("{value:?}")))
        .collect();
    let mut body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if let Some(instance) = body.get_mut("instance") {
        *instance = Value::Null;
    }
    Ok(Answer { status: reply.status, headers: kept, body })
}
