//! The tus 1.0 specification, point by point: <https://tus.io/protocols/resumable-upload>.

mod rows;

use crate::account_client::{AccountClient, bytes_of, single_replica, slug};
use anyhow::ensure;
use api_contract::paths;
use api_contract::uploads::headers as names;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use client::Reply;
use client::digest::sha256;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{Method, StatusCode};
use rows::{METHOD_OVERRIDE, ROWS};
use sha1::{Digest, Sha1};

const MIB: usize = 1024 * 1024;

async fn send(
    alice: &AccountClient,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> anyhow::Result<Reply<Bytes>> {
    let mut request = alice.request(method.clone(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() {
        request = request.body(body.to_vec());
    }
    Ok(alice.client.send(request).await?)
}

#[tokio::test]
async fn every_request_gets_the_status_of_the_specification() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    let mut failures = Vec::new();
    for (name, method, path, headers, body, status) in ROWS {
        let own = alice.create("a", 10).await?;
        alice.append(&own, 0, b"1234").await?;
        let path = path.unwrap_or(&own);
        let reply = send(&alice, method, path, headers, body).await?;
        let version = reply.header(names::TUS_RESUMABLE);
        if reply.status.as_u16() != *status || version != Some("1.0.0") {
            failures.push(format!("{name}: {} and {version:?}", reply.status));
        }
        if *status == 412 && reply.header(names::TUS_VERSION) != Some("1.0.0") {
            failures.push(format!("{name}: no Tus-Version"));
        }
        let is_expiring = [201, 204].contains(status)
            && [Method::POST, Method::PATCH].contains(method)
            && !headers.iter().any(|(header, _)| *header == METHOD_OVERRIDE);
        let expires = reply.header(names::UPLOAD_EXPIRES).unwrap_or_default();
        if is_expiring && httpdate::parse_http_date(expires).is_err() {
            failures.push(format!("{name}: Upload-Expires is {expires:?}"));
        }
        let _rest = alice.client.send(alice.tus(Method::DELETE, &own)).await?;
    }
    ensure!(failures.is_empty(), "{failures:#?}");
    Ok(())
}

#[tokio::test]
async fn head_returns_the_metadata_as_sent() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&[]).await?;
    for metadata in [
        None,
        Some("filename YS50eHQ=,filetype dGV4dC9wbGFpbg=="),
        Some("filetype dGV4dC9wbGFpbg==,filename YS50eHQ=,is_confidential"),
        Some("relativePath bnVsbA==,name YQ==,type YQ=="),
        Some("is_confidential"),
        // A name that is changed for display.
        Some("filename Li4vLi4vZXRjL3Bhc3N3ZA=="),
    ] {
        let mut request = alice.tus(Method::POST, paths::TUS).header("upload-length", 3);
        if let Some(metadata) = metadata {
            request = request.header(names::UPLOAD_METADATA, metadata);
        }
        let created = alice.client.send(request).await?;
        let path = created.header(LOCATION).unwrap_or_default().to_owned();
        for last in [&b""[..], b"abc"] {
            alice.append(&path, 0, last).await?;
            let head = alice.head(&path).await?;
            assert_eq!(head.header(names::UPLOAD_METADATA), metadata, "{last:?}");
            assert_eq!(head.header(CACHE_CONTROL), Some("no-store"));
            assert_eq!(head.header(names::UPLOAD_LENGTH), Some("3"));
        }
    }
    Ok(())
}

/// The upload's resource ends. The file stays: it has a resource of its own.
#[tokio::test]
async fn termination_of_a_complete_upload_keeps_its_file() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let path = alice.create("a", 5).await?;
    let done = alice.append(&path, 0, b"hello").await?;
    let file_id = done.header(names::FILE_ID).unwrap_or_default();
    let bob = AccountClient::bob(&server).await?;
    for (account, status) in [
        (&bob, StatusCode::NOT_FOUND),
        (&alice, StatusCode::NO_CONTENT),
        (&alice, StatusCode::NOT_FOUND),
    ] {
        let reply = account.client.send(account.tus(Method::DELETE, &path)).await?;
        assert_eq!(reply.status, status);
    }
    assert_eq!(alice.head(&path).await?.status, StatusCode::NOT_FOUND);
    assert_eq!(alice.hash_of(file_id).await?, sha256(b"hello"));
    Ok(())
}

/// Pieces that end at odd places, also in the middle of the server's own parts.
#[tokio::test]
async fn pieces_with_odd_boundaries_become_the_same_file() -> anyhow::Result<()> {
    let (_server, alice) = single_replica(&["--max-upload", "8388608"]).await?;
    let bytes = bytes_of(3 * MIB + 7);
    let ends = [1, 2, 3, 70_000, MIB - 1, MIB, MIB + 1, 2 * MIB + 5, 3 * MIB + 7];
    for with_checksum in [false, true] {
        let path = alice.create("a", bytes.len()).await?;
        let mut start = 0;
        for end in ends {
            let piece = &bytes[start..end];
            let mut request = alice.patch(&path, start).body(piece.to_vec());
            if with_checksum {
                let digest = format!("sha1 {}", STANDARD.encode(Sha1::digest(piece)));
                request = request.header(names::UPLOAD_CHECKSUM, digest);
            }
            let reply = alice.client.send(request).await?;
            assert_eq!(reply.status, StatusCode::NO_CONTENT, "{}", slug(&reply));
            start = end;
        }
        let head = alice.head(&path).await?;
        let file_id = head.header(names::FILE_ID).unwrap_or_default();
        assert_eq!(alice.hash_of(file_id).await?, sha256(&bytes));
    }
    Ok(())
}

const SENT_HEADERS: &[&str] = &[
    names::TUS_RESUMABLE,
    names::UPLOAD_LENGTH,
    names::UPLOAD_METADATA,
    names::UPLOAD_OFFSET,
    names::UPLOAD_CHECKSUM,
    METHOD_OVERRIDE,
    "content-type",
];

const READ_HEADERS: &[&str] = &[
    names::TUS_RESUMABLE,
    names::TUS_VERSION,
    names::TUS_EXTENSION,
    names::TUS_MAX_SIZE,
    names::TUS_CHECKSUM_ALGORITHM,
    names::UPLOAD_LENGTH,
    names::UPLOAD_METADATA,
    names::UPLOAD_OFFSET,
    names::UPLOAD_EXPIRES,
    names::FILE_ID,
    "location",
];

/// A page of an allowed site may send and read every header of the protocol.
#[tokio::test]
async fn allowed_site_may_use_all_tus_headers() -> anyhow::Result<()> {
    let site = "https://app.test";
    let (_server, alice) = single_replica(&["--origin", site]).await?;
    let preflight = alice
        .client
        .request(Method::OPTIONS, paths::TUS)
        .header("origin", site)
        .header("access-control-request-method", "PATCH");
    let preflight = alice.client.send(preflight).await?;
    let list = |reply: &Reply<Bytes>, name: &str| {
        let text = reply.header(name).unwrap_or_default().to_lowercase();
        text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()
    };
    let allowed = list(&preflight, "access-control-allow-headers");
    for &name in SENT_HEADERS {
        ensure!(allowed.iter().any(|other| other == name), "{name} in {allowed:?}");
    }
    let request = alice.tus(Method::POST, paths::TUS).header("upload-length", 0);
    let reply = alice.client.send(request.header("origin", site)).await?;
    let exposed = list(&reply, "access-control-expose-headers");
    for &name in READ_HEADERS {
        ensure!(exposed.iter().any(|other| other == name), "{name} in {exposed:?}");
    }
    Ok(())
}
