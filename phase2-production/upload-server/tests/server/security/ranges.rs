//! Range and conditional requests: a response never exceeds the file.

use crate::account_client::AccountClient;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use client::Upload;
use client::expect::equal;
use futures_util::future::try_join_all;
use http::header::{
    ALLOW, CONTENT_RANGE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{Method, StatusCode};

const SIZE: usize = 100_000;

/// Range headers that ask for more than the file.
fn oversized_ranges() -> Vec<String> {
    let many = |range: fn(usize) -> String| {
        format!("bytes={}", (0..1_000).map(range).collect::<Vec<_>>().join(","))
    };
    vec![
        many(|at| format!("{at}-")),
        many(|at| format!("{}-{}", 2 * at, 2 * at)),
        many(|_| "0-".to_owned()),
        many(|at| format!("-{}", at + 1)),
        many(|at| format!("{}-", SIZE + at)),
        "bytes=0-0,0-0".to_owned(),
        format!("bytes={SIZE}-"),
        "bytes=-0".to_owned(),
        "bytes=0-18446744073709551615".to_owned(),
        "bytes=18446744073709551615-18446744073709551616".to_owned(),
        "bytes=-99999999999999999999999".to_owned(),
        "bytes=9-0".to_owned(),
        "bytes=--1".to_owned(),
    ]
}

/// Item 32. A thousand ranges (adjacent, overlapping, of one byte, past the end) return
/// at most the file once. Each header is sent four times concurrently.
#[tokio::test]
async fn thousand_ranges_never_return_more_than_the_file() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, alice) = (app.client(), app.sign_in(&app.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for range in &oversized_ranges() {
        let requests = (0..4).map(async |_| {
            let reply = client.content_range(&alice, &id, range).await;
            let (status, length) = match reply.status()? {
                StatusCode::RANGE_NOT_SATISFIABLE => (416, 0),
                status => (status.as_u16(), reply.done()?.body.len()),
            };
            ensure!(matches!(status, 200 | 206 | 416), "the status is {status}");
            ensure!(length <= SIZE, "{length} bytes");
            ensure!(status != 200 || length == SIZE, "200 with {length} bytes");
            Ok(())
        });
        try_join_all(requests).await.with_context(|| format!("{range:.40}"))?;
    }
    let past = client.content_range(&alice, &id, &format!("bytes={SIZE}-")).await;
    let refused = past.refused_as(ProblemKind::RangeNotSatisfiable)?;
    let size = refused.header(CONTENT_RANGE);
    equal("Content-Range", size, Some(format!("bytes */{SIZE}").as_str()))
}

/// Item 32. `If-Range` with another, an unreadable or a weak tag returns the whole file.
#[tokio::test]
async fn stale_if_range_returns_the_whole_file() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, alice) = (app.client(), app.sign_in(&app.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let whole = client.content(&alice, &id).await.done()?;
    let tag = whole.header(ETAG).context("an ETag")?.to_owned();
    let ask = async |conditions: &[(HeaderName, &str)]| {
        let reply = client.content_if(&alice, &id, conditions).await.done()?;
        anyhow::Ok((reply.status.as_u16(), reply.body.len()))
    };
    let part = (RANGE, "bytes=0-9");
    equal("its own tag", ask(&[part.clone(), (IF_RANGE, &tag)]).await?, (206, 10))?;
    let (weak, other) = (format!("W/{tag}"), format!("\"{}\"", "0".repeat(64)));
    for stale in [weak.as_str(), &other, "\"\"", "*", "Mon, 01 Jan 2024 00:00:00 GMT"] {
        let answer = ask(&[part.clone(), (IF_RANGE, stale)]).await?;
        equal(stale, answer, (200, SIZE))?;
    }
    equal("current tag", ask(&[(IF_NONE_MATCH, &tag)]).await?, (304, 0))?;
    equal("other tag", ask(&[(IF_NONE_MATCH, &other)]).await?, (200, SIZE))
}

/// Item 32. A delete with a stale `If-Match` deletes nothing.
#[tokio::test]
async fn delete_with_a_stale_if_match_deletes_nothing() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, alice) = (app.client(), app.sign_in(&app.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let whole = client.content(&alice, &id).await.done()?;
    let tag = whole.header(ETAG).context("an ETag")?.to_owned();
    let delete = async |condition: &str| {
        let request = client.authenticated(&alice, Method::DELETE, &paths::file(&id));
        client.json::<Message>(request.header(IF_MATCH, condition)).await
    };
    let (weak, other) = (format!("W/{tag}"), format!("\"{}\"", "0".repeat(64)));
    for wrong in [weak.as_str(), &other, tag.trim_matches('"')] {
        delete(wrong).await.refused_as(ProblemKind::PreconditionFailed)?;
        let read = client.content(&alice, &id).await.done()?.body;
        ensure!(read == file.bytes, "the file has changed");
    }
    delete(&format!("{other}, {tag}")).await.done()?;
    client.content(&alice, &id).await.refused_as(ProblemKind::FileNotFound)?;
    Ok(())
}

/// Item 32. Files are immutable, so there is no write for a stale `If-Match` to guard
/// (deviation: 405 instead of 412 and 428). The nearest case, a tus write at a wrong
/// offset, gets 409 and changes nothing.
#[tokio::test]
async fn file_cannot_be_overwritten() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, credential) = (app.client(), app.sign_in(&app.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&credential, &file).await.done()?.body.file_id;
    for path in [paths::file(&id), paths::file_content(&id)] {
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            for condition in [None, Some("\"stale\""), Some("*")] {
                let request = client
                    .authenticated(&credential, method.clone(), &path)
                    .body("other");
                let request = match condition {
                    Some(tag) => request.header(IF_MATCH, tag),
                    None => request,
                };
                let reply = client.send(request).await?;
                equal("the status", reply.status, StatusCode::METHOD_NOT_ALLOWED)?;
                ensure!(reply.header(ALLOW).is_some(), "no Allow");
            }
        }
    }
    let read = client.content(&credential, &id).await.done()?.body;
    ensure!(read == file.bytes, "the file has changed");

    let alice = AccountClient { client, credential };
    let path = alice.create("b.bin", 20).await?;
    alice.append(&path, 0, b"0123456789").await?;
    for wrong in [0, 5, 11, 19] {
        let reply = alice.append(&path, wrong, b"x").await?;
        equal("a wrong offset", reply.status, StatusCode::CONFLICT)?;
        equal("the stored offset", alice.offset(&path).await?, 10)?;
    }
    Ok(())
}
