//! Resumable uploads (tus 1.0): every replica reports the same stored offset.

use crate::account_client::{AccountClient, bytes_of, single_replica, slug};
use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, headers as names};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::digest::sha256;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{Method, StatusCode};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

#[tokio::test]
async fn options_lists_the_tus_capabilities() -> anyhow::Result<()> {
    let (server, _) = single_replica(&[]).await?;
    let client = server.client();
    let reply = client.send(client.request(Method::OPTIONS, paths::TUS)).await?;
    assert_eq!(reply.status, StatusCode::NO_CONTENT);
    assert_eq!(reply.header(names::TUS_VERSION), Some("1.0.0"));
    let extensions: HashSet<_> =
        reply.header(names::TUS_EXTENSION).unwrap_or_default().split(',').collect();
    assert_eq!(
        extensions,
        HashSet::from(["creation", "checksum", "expiration", "termination"])
    );
    let max = server.max_upload.to_string();
    assert_eq!(reply.header(names::TUS_MAX_SIZE), Some(max.as_str()));
    assert_eq!(reply.header(names::TUS_CHECKSUM_ALGORITHM), Some("sha256,sha1"));
    Ok(())
}

#[tokio::test]
async fn uploaded_parts_become_a_file() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let bytes = bytes_of(1_500_000);
    let path = alice.create("Größe.pdf", bytes.len()).await?;
    let mut offset = 0;
    for end in [10, 500_000, 500_000, 1_500_000] {
        let reply = alice.append(&path, offset, &bytes[offset..end]).await?;
        assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", slug(&reply));
        assert_eq!(reply.header(names::UPLOAD_OFFSET), Some(end.to_string().as_str()));
        assert!(
            reply.header(names::UPLOAD_EXPIRES).is_some_and(|at| at.ends_with("GMT"))
        );
        assert_eq!(reply.headers.contains_key(names::FILE_ID), end == bytes.len());
        offset = end;
    }
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.files().await?, [file_id]);
    assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    let as_json = alice.client.file_json(&alice.credential, file_id).await;
    as_json.refused_as(api_contract::problem::ProblemKind::ContentTooLargeForJson)?;
    Ok(())
}

#[tokio::test]
async fn head_returns_the_upload_offset() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let path = alice.create("a.txt", 100).await?;
    alice.append(&path, 0, &bytes_of(30)).await?;
    let reply = alice.head(&path).await?;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header(names::UPLOAD_OFFSET), Some("30"));
    assert_eq!(reply.header(names::UPLOAD_LENGTH), Some("100"));
    assert_eq!(reply.header(CACHE_CONTROL), Some("no-store"));
    assert_eq!(reply.header(names::TUS_RESUMABLE), Some("1.0.0"));
    let metadata = reply.header(names::UPLOAD_METADATA).unwrap_or_default();
    assert!(metadata.contains(&STANDARD.encode("a.txt")), "{metadata}");
    assert!(alice.files().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn wrong_offset_is_refused_and_changes_nothing() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let path = alice.create("a", 100).await?;
    alice.append(&path, 0, &bytes_of(30)).await?;
    for offset in [0, 29, 31, 100] {
        let reply = alice.append(&path, offset, b"xyz").await?;
        assert_eq!(reply.status, StatusCode::CONFLICT);
        assert_eq!(slug(&reply), "offset-mismatch");
        assert_eq!(reply.header(names::UPLOAD_OFFSET), Some("30"));
        assert_eq!(alice.offset(&path).await?, 30);
    }
    Ok(())
}

#[tokio::test]
async fn unsupported_tus_version_is_refused_with_the_supported_one() -> anyhow::Result<()>
{
    let (_server, alice) = single_replica(&[]).await?;
    let path = alice.create("a", 100).await?;
    for version in [None, Some("0.2.2")] {
        for (method, path) in [(Method::POST, paths::TUS), (Method::DELETE, &path)] {
            let mut request = alice.request(method, path).header(names::UPLOAD_LENGTH, 5);
            if let Some(version) = version {
                request = request.header(names::TUS_RESUMABLE, version);
            }
            let reply = alice.client.send(request).await?;
            assert_eq!(reply.status, StatusCode::PRECONDITION_FAILED);
            assert_eq!(reply.header(names::TUS_VERSION), Some("1.0.0"));
            assert_eq!(slug(&reply), "unsupported-tus-version");
        }
    }
    assert_eq!(alice.offset(&path).await?, 0);
    Ok(())
}

#[tokio::test]
async fn part_with_a_wrong_checksum_is_discarded() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let bytes = bytes_of(1_200_000);
    let path = alice.create("a", bytes.len()).await?;
    let send = async |offset: usize, part: &[u8], checksum: String| {
        let request = alice.patch(&path, offset).body(part.to_vec());
        alice.client.send(request.header(names::UPLOAD_CHECKSUM, checksum)).await
    };
    let sha1 = |part: &[u8]| format!("sha1 {}", STANDARD.encode(Sha1::digest(part)));
    let sha256 =
        |part: &[u8]| format!("sha256 {}", STANDARD.encode(Sha256::digest(part)));
    let (first, second) = bytes.split_at(1_100_000);
    let mismatch = send(0, first, sha1(second)).await?;
    assert_eq!(
        (mismatch.status.as_u16(), slug(&mismatch).as_str()),
        (460, "checksum-mismatch")
    );
    assert_eq!(alice.offset(&path).await?, 0);
    assert_eq!(send(0, first, sha1(first)).await?.status, StatusCode::NO_CONTENT);
    for invalid in ["md5 AAAA", "sha1", "sha1 ???"] {
        let reply = send(first.len(), second, invalid.to_owned()).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{invalid}");
    }
    let last = send(first.len(), second, sha256(second)).await?;
    assert_eq!(last.status, StatusCode::NO_CONTENT);
    let file_id = last.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, client::digest::sha256(&bytes));
    Ok(())
}

#[tokio::test]
async fn upload_beyond_its_announced_length_is_refused() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let too_large = alice
        .tus(Method::POST, paths::TUS)
        .header(names::UPLOAD_LENGTH, server.max_upload + 1);
    let reply = alice.client.send(too_large).await?;
    assert_eq!(slug(&reply), "upload-too-large");
    let path = alice.create("a", 10).await?;
    let reply = alice.append(&path, 0, &bytes_of(11)).await?;
    assert_eq!(slug(&reply), "upload-too-large");
    assert_eq!(alice.offset(&path).await?, 0);
    Ok(())
}

#[tokio::test]
async fn malformed_patch_is_refused() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let path = alice.create("a", 10).await?;
    let json = alice.tus(Method::PATCH, &path).header(names::UPLOAD_OFFSET, 0).body("x");
    let reply = alice.client.send(json.header(CONTENT_TYPE, "application/json")).await?;
    assert_eq!(reply.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for offset in ["", "-1", "+0", "0x0", "zero"] {
        let request =
            alice.tus(Method::PATCH, &path).header(CONTENT_TYPE, TUS_MEDIA_TYPE);
        let request = request.header(names::UPLOAD_OFFSET, offset).body("x");
        let reply = alice.client.send(request).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{offset:?}");
    }
    let deferred = alice.tus(Method::POST, paths::TUS).header("upload-defer-length", 1);
    assert_eq!(alice.client.send(deferred).await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn empty_upload_becomes_a_file_immediately() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let path = alice.create("empty", 0).await?;
    let head = alice.head(&path).await?;
    let file_id = head.header(names::FILE_ID).unwrap_or_default();
    assert_eq!(alice.hash_of(file_id).await?, sha256(b""));
    Ok(())
}

#[tokio::test]
async fn terminated_upload_is_removed_and_frees_its_quota() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&["--quota", "100"]).await?;
    let path = alice.create("a", 100).await?;
    alice.append(&path, 0, &bytes_of(30)).await?;
    let over = alice.tus(Method::POST, paths::TUS).header(names::UPLOAD_LENGTH, 1);
    assert_eq!(slug(&alice.client.send(over).await?), "quota-exceeded");
    let bob = AccountClient::bob(&server).await?;
    let foreign = bob.client.send(bob.tus(Method::DELETE, &path)).await?;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let gone = alice.client.send(alice.tus(Method::DELETE, &path)).await?;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(alice.head(&path).await?.status, StatusCode::NOT_FOUND);
    let late = alice.append(&path, 30, b"x").await?;
    assert_eq!(slug(&late), "upload-not-found");
    alice.create("b", 100).await?;
    Ok(())
}

#[tokio::test]
async fn upload_is_hidden_from_other_accounts() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let path = alice.create("a", 100).await?;
    let bob = AccountClient::bob(&server).await?;
    assert_eq!(bob.head(&path).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(slug(&bob.append(&path, 0, b"x").await?), "upload-not-found");
    let anonymous = server.client();
    let request =
        anonymous.request(Method::HEAD, &path).header(names::TUS_RESUMABLE, "1.0.0");
    let reply = anonymous.send(request).await?;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert_eq!(reply.header(names::TUS_RESUMABLE), Some("1.0.0"));
    Ok(())
}

#[tokio::test]
async fn repeated_idempotency_key_creates_no_second_file() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let mut ids = HashSet::new();
    for _ in 0..2 {
        let request = alice.tus(Method::POST, paths::TUS).header(names::UPLOAD_LENGTH, 5);
        let request = request.header(api_contract::headers::IDEMPOTENCY_KEY, "once");
        let begun = alice.client.send(request).await?;
        let path = begun.header("location").unwrap_or_default();
        let done = alice.append(path, 0, b"hello").await?;
        ids.insert(done.header(names::FILE_ID).unwrap_or_default().to_owned());
    }
    let ids: Vec<_> = ids.into_iter().collect();
    assert_eq!(alice.files().await?, ids);
    Ok(())
}
