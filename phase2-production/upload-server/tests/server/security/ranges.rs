//! Ranges and conditions: part of a file, and never more than the file.

use crate::on::Stores;
use crate::security::people::Town;
use crate::steps::Person;
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::Upload;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use futures_util::future::try_join_all;
use http::header::{
    ALLOW, CONTENT_RANGE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{Method, StatusCode};

const SIZE: usize = 100_000;

/// Ranges that ask for more than there is.
fn greedy() -> Vec<String> {
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

/// Item 32. A thousand ranges, in a row, on top of each other, one byte each, or past the
/// end, are at most the file once, four times at once.
#[tokio::test]
async fn a_thousand_ranges_are_never_more_than_the_file() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, alice) = (town.client(), town.sign_in(&town.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for range in &greedy() {
        let ask = (0..4).map(async |_| {
            let reply = client.content_range(&alice, &id, range).await;
            let (status, length) = match reply.status()? {
                StatusCode::RANGE_NOT_SATISFIABLE => (416, 0),
                status => (status.as_u16(), reply.done()?.body.len()),
            };
            ensure!(matches!(status, 200 | 206 | 416), "it is answered with {status}");
            ensure!(length <= SIZE, "{length} bytes");
            ensure!(status != 200 || length == SIZE, "200 with {length} bytes");
            Ok(())
        });
        try_join_all(ask).await.with_context(|| format!("{range:.40}"))?;
    }
    let past = client.content_range(&alice, &id, &format!("bytes={SIZE}-")).await;
    let refused = past.refused_as(ProblemKind::RangeNotSatisfiable)?;
    let told = refused.header(CONTENT_RANGE);
    equal("the size that is told", told, Some(format!("bytes */{SIZE}").as_str()))
}

/// Item 32. A part belongs to the version it was begun with: with another tag, an
/// unreadable or a weak one, the answer is the whole file.
#[tokio::test]
async fn a_part_of_another_version_is_the_whole_file() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, alice) = (town.client(), town.sign_in(&town.alice).await?);
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
    equal("known", ask(&[(IF_NONE_MATCH, &tag)]).await?, (304, 0))?;
    equal("not known", ask(&[(IF_NONE_MATCH, &other)]).await?, (200, SIZE))
}

/// Item 32. Who deletes what it has read under another tag deletes nothing.
#[tokio::test]
async fn a_deletion_that_names_another_version_is_refused_and_deletes_nothing()
-> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, alice) = (town.client(), town.sign_in(&town.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let whole = client.content(&alice, &id).await.done()?;
    let tag = whole.header(ETAG).context("an ETag")?.to_owned();
    let delete = async |condition: &str| {
        let request = client.proven(&alice, Method::DELETE, &paths::file(&id));
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

/// Item 32. Nothing here is ever overwritten, so there is no write that a stale `If-Match`
/// could guard (deviation: 405 in place of 412 and 428). What stands nearest to one, a
/// tus upload, is told its offset in place of being written over.
#[tokio::test]
async fn a_file_cannot_be_overwritten_with_or_without_a_condition() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, proof) = (town.client(), town.sign_in(&town.alice).await?);
    let file = Upload::of_size("a.bin", SIZE);
    let id = client.upload(&proof, &file).await.done()?.body.file_id;
    for path in [paths::file(&id), paths::file_content(&id)] {
        for method in [Method::PUT, Method::PATCH, Method::POST] {
            for condition in [None, Some("\"stale\""), Some("*")] {
                let request = client.proven(&proof, method.clone(), &path).body("other");
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
    let read = client.content(&proof, &id).await.done()?.body;
    ensure!(read == file.bytes, "the file has changed");

    let alice = Person { client, proof };
    let path = alice.create("b.bin", 20).await?;
    alice.append(&path, 0, b"0123456789").await?;
    for wrong in [0, 5, 11, 19] {
        let reply = alice.append(&path, wrong, b"x").await?;
        equal("a wrong offset", reply.status, StatusCode::CONFLICT)?;
        equal("what is there", alice.offset(&path).await?, 10)?;
    }
    Ok(())
}
