//! Downloads, as JSON or as raw bytes.

use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::files::{FileWithContent, MAX_JSON_CONTENT};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use client::digest::sha256;
use client::expect::equal;
use client::{CallResult, Reply, Upload};
use http::header::{
    ACCEPT, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, StatusCode};

/// Every byte value, with sizes around common buffer sizes.
pub async fn downloaded_bytes_equal_uploaded_bytes(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for size in [0, 1, 8_191, 65_536, 65_537, 300_000] {
        let file = Upload::of_size("bytes", size);
        let id = client.upload(&alice, &file).await.done()?.body.file_id;
        let reply = client.content(&alice, &id).await.done()?;
        equal("the status", reply.status, StatusCode::OK)?;
        ensure!(reply.body == file.bytes, "the {size} bytes have changed");
        let announced = reply.header(CONTENT_LENGTH).unwrap_or_default();
        equal("Content-Length", announced, size.to_string())?;
    }
    Ok(())
}

/// Lines that resemble a boundary do not end the form (RFC 2046 §5.1.1).
pub async fn boundary_like_bytes_are_stored_unchanged(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("tricky", "\r\n--lab-\r\n\r\n--\r\n----lab--\r\n--");
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    let reply = client.content(&alice, &id).await.done()?;
    equal("the bytes", reply.body, file.bytes)
}

/// JSON is the reply to `Accept: application/json`, to `*/*`, and without `Accept`.
pub async fn json_contains_the_bytes_in_base64(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let mut file = Upload::of_size("picture.png", 1_000);
    file.content_type = "image/png".to_owned();
    let created = client.upload(&alice, &file).await.done()?.body;
    for accept in [None, Some("application/json"), Some("*/*")] {
        let path = paths::file(&created.file_id);
        let mut request = client.authenticated(&alice, Method::GET, &path);
        if let Some(media_type) = accept {
            request = request.header(ACCEPT, media_type);
        }
        let outcome: CallResult<FileWithContent> = client.json(request).await;
        let reply = outcome.done().with_context(|| format!("Accept: {accept:?}"))?;
        equal("Content-Type", reply.header(CONTENT_TYPE), Some("application/json"))?;
        let body = reply.body;
        equal("the name", body.name.as_str(), "picture.png")?;
        equal("the type", body.content_type.as_str(), "image/png")?;
        equal("the size", body.size, 1_000)?;
        equal("the hash", body.sha256.as_str(), sha256(&file.bytes))?;
        equal("the bytes", STANDARD.decode(body.content)?, file.bytes.to_vec())?;
    }
    Ok(())
}

/// Base64 in JSON is for small files. The problem detail names the URL of the raw bytes.
pub async fn json_content_is_limited_to_one_mebibyte(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let limit = usize::try_from(MAX_JSON_CONTENT)?;
    let largest = Upload::of_size("largest", limit);
    let id = client.upload(&alice, &largest).await.done()?.body.file_id;
    client.file_json(&alice, &id).await.done()?;

    let larger = Upload::of_size("larger", limit + 1);
    let id = client.upload(&alice, &larger).await.done()?.body.file_id;
    let refused = client.file_json(&alice, &id).await;
    let problem = refused.refused_as(ProblemKind::ContentTooLargeForJson)?.body;
    let url = paths::file_content(&id);
    ensure!(
        problem.detail.contains(&url),
        "expected: a detail that names {url}\n  actual:   {}",
        problem.detail
    );
    let content = client.content(&alice, &id).await.done()?.body;
    equal("the bytes at that URL", content.len(), limit + 1)
}

/// The entity tag is the hash, so it is the same on every replica.
pub async fn etag_is_the_hash(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("a", "a")).await.done()?.body;
    let reply = client.content(&alice, &created.file_id).await.done()?;
    let tag = format!("\"{}\"", created.sha256);
    equal("ETag", reply.header(ETAG), Some(tag.as_str()))
}

/// A client with the current bytes gets 304 without a body (RFC 9110 §13.1.2).
pub async fn matching_if_none_match_returns_304(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("a", "a")).await.done()?.body;
    let (id, tag) = (created.file_id, format!("\"{}\"", created.sha256));
    let weak = format!("W/{tag}");
    let list = format!("\"other\", {tag}");
    for known in [tag.as_str(), &weak, &list, "*"] {
        let reply = client.content_if(&alice, &id, &[(IF_NONE_MATCH, known)]).await;
        let reply = reply.done()?;
        equal(known, reply.status, StatusCode::NOT_MODIFIED)?;
        equal("ETag", reply.header(ETAG), Some(tag.as_str()))?;
        equal("bytes", reply.body.len(), 0)?;
    }
    let stale = client.content_if(&alice, &id, &[(IF_NONE_MATCH, "\"old\"")]).await;
    let stale = stale.done()?;
    equal("a stale tag", stale.status, StatusCode::OK)?;
    equal("the bytes", &stale.body[..], b"a")
}

/// `If-Match` names the version that the client has seen; strong comparison (RFC 9110
/// §13.1.1). It is evaluated before the other conditions (§13.2.2).
pub async fn failing_if_match_returns_412(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("a", "abc")).await.done()?.body;
    let (id, tag) = (created.file_id, format!("\"{}\"", created.sha256));
    let list = format!("\"other\", {tag}");
    for current in [tag.as_str(), &list, "*"] {
        let reply = client.content_if(&alice, &id, &[(IF_MATCH, current)]).await;
        equal(current, &reply.done()?.body[..], b"abc")?;
    }
    let (weak, star) = (format!("W/{tag}"), format!("\"x, *, {}\"", created.sha256));
    for other in ["\"old\"", &weak, &star, "abc", "\"a\", \"b\"", ""] {
        for more in
            [(IF_NONE_MATCH, tag.as_str()), (RANGE, "bytes=0-0"), (IF_RANGE, &tag)]
        {
            let conditions = [(IF_MATCH, other), more];
            let refused = client.content_if(&alice, &id, &conditions).await;
            let refused = refused.refused_as(ProblemKind::PreconditionFailed);
            refused.with_context(|| format!("If-Match: {other}"))?;
        }
        let head = client.authenticated(&alice, Method::HEAD, &paths::file_content(&id));
        let head = client.send(head.header(IF_MATCH, other)).await?;
        equal(other, head.status, StatusCode::PRECONDITION_FAILED)?;
    }
    Ok(())
}

/// `0` would replace the length in a cache (RFC 9110 §8.6).
pub async fn unmodified_file_has_no_false_length(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let created = client.upload(&alice, &Upload::new("a", "abc")).await.done()?.body;
    let tag = format!("\"{}\"", created.sha256);
    for method in [Method::GET, Method::HEAD] {
        let path = paths::file_content(&created.file_id);
        let request = client.authenticated(&alice, method.clone(), &path);
        let reply = client.send(request.header(IF_NONE_MATCH, &tag)).await?;
        equal("the status", reply.status, StatusCode::NOT_MODIFIED)?;
        let length = reply.header(CONTENT_LENGTH).unwrap_or("3");
        equal(method.as_str(), length, "3")?;
    }
    Ok(())
}

/// HEAD is GET without the bytes (RFC 9110 §9.3.2).
pub async fn head_has_the_headers_of_get(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::of_size("a", 1_234);
    let id = client.upload(&alice, &file).await.done()?.body.file_id;
    for path in [paths::file(&id), paths::file_content(&id)] {
        let get = client.send(client.authenticated(&alice, Method::GET, &path)).await?;
        let head = client.send(client.authenticated(&alice, Method::HEAD, &path)).await?;
        equal("the status", head.status, get.status)?;
        equal("bytes", head.body.len(), 0)?;
        for name in [CONTENT_LENGTH, CONTENT_TYPE, ETAG, CONTENT_DISPOSITION] {
            equal(name.as_str(), head.header(&name), get.header(&name))?;
        }
    }
    Ok(())
}

/// A browser never renders a stored file, independent of its declared type (ASVS 3.2.1, 5.4.1).
pub async fn stored_html_is_never_rendered(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (name, media_type) in [
        ("page.html", "text/html"),
        ("picture.svg", "image/svg+xml"),
        ("script.js", "text/javascript"),
        ("polyglot.png", "image/png"),
    ] {
        let mut file = Upload::new(name, "<script>alert(1)</script>");
        file.content_type = media_type.to_owned();
        let id = client.upload(&alice, &file).await.done()?.body.file_id;
        let whole = client.content(&alice, &id).await.done()?;
        let part = client.content_range(&alice, &id, "bytes=0-3").await.done()?;
        for reply in [whole, part] {
            harmless(&reply).context(name)?;
        }
    }
    Ok(())
}

fn harmless(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let media_type = reply.header(CONTENT_TYPE);
    equal("Content-Type", media_type, Some("application/octet-stream"))?;
    let sniff = reply.header(X_CONTENT_TYPE_OPTIONS);
    equal("X-Content-Type-Options", sniff, Some("nosniff"))?;
    let policy = reply.header(CONTENT_SECURITY_POLICY);
    equal("the policy", policy, Some("default-src 'none'; sandbox"))?;
    let disposition = reply.header(CONTENT_DISPOSITION).unwrap_or_default();
    ensure!(disposition.starts_with("attachment;"), "disposition: {disposition}");
    Ok(())
}
