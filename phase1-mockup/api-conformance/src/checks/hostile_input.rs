//! Hostile requests. The reply is always an immediate refusal, never a server error.

use crate::checks::nonexistent_id;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::{Message, headers, paths};
use client::expect::equal;
use client::{CallResult, Credential, Upload, raw};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use std::time::{Duration, Instant};

/// Ids that a file system or a database would interpret, if the server did not parse them.
pub async fn malformed_file_id_is_not_found(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = nonexistent_id();
    let (upper, plain, long) =
        (id.to_uppercase(), id.replace('-', ""), "x".repeat(2_000));
    for id in [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f",
        "%00",
        "..",
        "'%20OR%20'1'='1",
        "{file_id}",
        "%F0%9F%98%80",
        &upper,
        &plain,
        &long,
    ] {
        for path in [format!("/api/files/{id}"), format!("/api/files/{id}/content")] {
            let outcome: CallResult<Message> =
                client.json(client.authenticated(&alice, Method::GET, &path)).await;
            let status = outcome.status().context(path.clone())?;
            equal(&path, status, StatusCode::NOT_FOUND)?;
        }
    }
    Ok(())
}

/// A path that is not UTF-8 after decoding is a client error.
pub async fn invalid_utf8_in_a_path_is_a_client_error(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for path in ["/api/files/%ff%fe", "/api/files/%ff/content", "/%ff", "/api/files/%zz"]
    {
        let request = client.authenticated(&alice, Method::GET, path);
        let outcome: CallResult<Message> = client.json(request).await;
        let status = outcome.status()?;
        ensure!(
            [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST].contains(&status),
            "{path}: status {status}"
        );
        ensure!(matches!(outcome, CallResult::Refused(_)), "{path}: {outcome:?}");
    }
    Ok(())
}

/// Two lengths for one body enable request smuggling (RFC 9112 §6.3).
pub async fn two_content_length_headers_are_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let authority = raw::authority(&target.base_url)?;
    let login = target.auth_scheme.login_path();
    let request = format!(
        "POST {login} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nContent-Length: 40\r\n\r\n{{}}"
    );
    let status = raw::first_status(&target.base_url, request.as_bytes()).await?;
    equal("the status", status, StatusCode::BAD_REQUEST)
}

/// An unknown encoding could hide the end of the body (request smuggling). One before
/// `chunked` would be stored as if it were part of the file.
pub async fn unknown_transfer_encoding_is_refused(target: &Target) -> anyhow::Result<()> {
    let authority = raw::authority(&target.base_url)?;
    for codings in [
        "xchunked",
        "gzip, chunked",
        "chunked, chunked",
        "identity, chunked",
        "gzip\r\nTransfer-Encoding: chunked",
    ] {
        // This call takes no credential and no body, so nothing else can be refused.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {authority}\r\n\
             Transfer-Encoding: {codings}\r\n\r\n0\r\n\r\n",
            paths::LIVEZ
        );
        let status = raw::first_status(&target.base_url, request.as_bytes()).await?;
        equal(codings, status, StatusCode::BAD_REQUEST)?;
    }
    Ok(())
}

/// A credential of 100 kB is refused like any invalid one, or as too large.
pub async fn huge_credential_is_refused(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let huge = Secret::new("x".repeat(100_000));
    for credential in [Credential::Session(huge.clone()), Credential::Bearer(huge)] {
        let request = client.authenticated(&credential, Method::GET, paths::FILES);
        let reply = client.send(request).await?;
        ensure!(
            [401, 431].contains(&reply.status.as_u16()),
            "expected: 401 or 431\n  actual:   {}",
            reply.status
        );
    }
    Ok(())
}

/// Headers that are not text, empty, or of another authentication scheme.
pub async fn malformed_credential_is_refused(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    for header in [
        &b"\xff\xfe"[..],
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic",
        b"Basic !!!",
        b"Basic YWxpY2U=",
        b"Basic \xff",
        b"Digest username=alice",
        b"alice",
    ] {
        for name in [AUTHORIZATION.as_str(), headers::SESSION_ID] {
            let request = client.request(Method::GET, paths::FILES);
            let reply = client.send(request.header(name, header)).await?;
            let sent = format!("{name}: {}", header.escape_ascii());
            equal(&sent, reply.status, StatusCode::UNAUTHORIZED)?;
        }
    }
    Ok(())
}

/// The server must not spend time on hashing a password of one megabyte.
pub async fn huge_password_is_refused_without_hashing(
    target: &Target,
) -> anyhow::Result<()> {
    let client = target.client();
    let body = serde_json::json!({
        "username": target.alice.username,
        "password": "x".repeat(1024 * 1024),
    });
    let start = Instant::now();
    let request = client.request(Method::POST, target.auth_scheme.login_path());
    let reply = client.send(request.json(&body)).await?;
    ensure!(
        [400, 413].contains(&reply.status.as_u16()),
        "expected: 400 or 413\n  actual:   {}",
        reply.status
    );
    let duration = start.elapsed();
    ensure!(duration < Duration::from_secs(10), "the refusal took {duration:?}");
    Ok(())
}

/// Malformed header values must not cause a server error.
pub async fn malformed_headers_cause_no_server_error(
    target: &Target,
) -> anyhow::Result<()> {
    const NAMES: [&str; 5] = ["accept", "range", "if-none-match", "if-range", "cookie"];
    const VALUES: [&str; 8] = ["", ",", "\"", "=", "bytes=-", "bytes=--1", "*/", "W/"];
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("a", "a");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for path in [paths::FILES.to_owned(), paths::file_content(&id)] {
        for name in NAMES {
            for value in VALUES {
                let request = client.authenticated(&alice, Method::GET, &path);
                let reply = client.send(request.header(name, value)).await?;
                let failed = reply.status.is_server_error();
                ensure!(!failed, "GET {path} with {name}: {value}: {}", reply.status);
            }
        }
    }
    client.content(&alice, &id).await.done()?;
    Ok(())
}

/// A null byte, bytes that are not UTF-8, and repeated or empty parameters in a query.
pub async fn malformed_query_is_a_client_error(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for query in [
        "cursor=%00",
        "cursor=a%00b",
        "cursor=%ff",
        "cursor=%C0%80",
        "limit=%00",
        "limit=1%00",
        "limit=%2B",
        "limit=1&limit=2",
        "limit=",
        "limit=-1",
        "limit=99999999999999999999",
        "cursor=a&cursor=b",
    ] {
        let path = format!("{}?{query}", paths::FILES);
        let request = client.authenticated(&alice, Method::GET, &path);
        let outcome: CallResult<Message> = client.json(request).await;
        outcome.refused_as(ProblemKind::MalformedRequest).context(query)?;
    }
    for query in ["", "other=%00", "%00=1", "&&", "=", "a%ff=b"] {
        let path = format!("{}?{query}", paths::FILES);
        let request = client.authenticated(&alice, Method::GET, &path);
        let status = client.send(request).await?.status;
        ensure!([200, 400].contains(&status.as_u16()), "{query}: {status}");
    }
    Ok(())
}

/// The body of a GET request has no meaning.
pub async fn body_of_a_get_is_ignored(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let request =
        client.authenticated(&alice, Method::GET, &paths::file(&nonexistent_id()));
    let request = request.body("file_id=something-else");
    let outcome: CallResult<Message> = client.json(request).await;
    outcome.refused_as(ProblemKind::FileNotFound)?;
    Ok(())
}
