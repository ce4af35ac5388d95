//! Upload forms: valid, invalid and incomplete ones.

use crate::checks::listing;
use crate::target::Target;
use anyhow::Context;
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{CallResult, CookieJar, Form, Upload, raw};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, StatusCode};

/// The part `file` may be at any position in the form, but under no other name.
pub async fn form_without_a_file_is_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let file = Upload::new("a", "a");
    for form in [
        Form::empty(),
        Form::empty().field("note", "no file here"),
        Form::empty().file("attachment", &file),
    ] {
        let refused = client.upload_form(&alice, form).await;
        refused.refused_as(ProblemKind::MissingFilePart)?;
    }
    let form = Form::empty().field("note", "hello").file("file", &file);
    client.upload_form(&alice, form).await.done()?;
    Ok(())
}

/// Parameter names have no case, and unknown parameters may stand anywhere (RFC 2183 §2).
pub async fn file_name_is_found_in_every_form_of_header(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (parameters, name) in [
        ("Name=\"file\"; FileName=\"a.txt\"", "a.txt"),
        ("filename=\"a.txt\"; name=\"file\"", "a.txt"),
        ("name=file; filename=a.txt", "a.txt"),
        ("name=\"file\"; filename*=UTF-8''b; filename=\"a.txt\"", "a.txt"),
        ("name=\"file\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe", "Gr\u{fc}\u{df}e"),
        ("name=\"file\"; filename=\"a; name=b\"", "a; name=b"),
    ] {
        let header = format!("Content-Disposition: form-data; {parameters}");
        let form = Form::empty().part(&header, b"x");
        let created = client.upload_form(&alice, form).await.done();
        equal("the name", created.context(header)?.body.name.as_str(), name)?;
    }
    Ok(())
}

/// Every listing contains it, and no quota counts it.
pub async fn long_media_type_is_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?.files.len();
    let headers = |length: usize| {
        format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\
             Content-Type: text/{}",
            "a".repeat(length - "text/".len())
        )
    };
    for length in [256, 10_000, 200_000] {
        let form = Form::empty().part(&headers(length), b"x");
        let refused = client.upload_form(&alice, form).await;
        refused.refused_as(ProblemKind::MalformedRequest)?;
    }
    equal("files", listing(&client, &alice).await?.files.len(), before)?;
    let longest = Form::empty().part(&headers(255), b"x");
    client.upload_form(&alice, longest).await.done()?;
    Ok(())
}

/// A browser sends an empty part without a name when no file is selected. An empty file has
/// a name.
pub async fn form_without_a_selected_file_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let unnamed = "Content-Disposition: form-data; name=\"file\"";
    let of_browser = format!("{unnamed}; filename=\"\"\r\nContent-Type: text/plain");
    for form in [
        Form::of(&Upload::new("", "")),
        Form::of(&Upload::new("", "")).without_length(),
        Form::empty().part(&of_browser, b"").field("note", "more"),
        Form::empty().part(unnamed, b""),
    ] {
        let refused = client.upload_form(&alice, form).await;
        refused.refused_as(ProblemKind::MissingFilePart)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)?;
    for file in [Upload::new("empty.txt", ""), Upload::new("", "content")] {
        let size = file.bytes.len() as u64;
        let created = client.upload(&alice, &file).await.done()?.body;
        equal("the size", created.size, size)?;
    }
    Ok(())
}

/// Only a multipart form with a boundary is accepted.
pub async fn upload_without_a_multipart_form_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for media_type in [
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "garbage",
    ] {
        let request = client.authenticated(&alice, Method::POST, paths::UPLOAD);
        let request = request.header(CONTENT_TYPE, media_type).body("file=1");
        let outcome: CallResult<FileCreated> = client.json(request).await;
        outcome.refused_as(ProblemKind::UnsupportedMediaType).context(media_type)?;
    }
    Ok(())
}

/// A body with a coding is not stored as if it were the file.
pub async fn compressed_upload_is_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let form = Form::of(&Upload::new("a", "a"));
    for coding in ["gzip", "identity, br", "x-unknown"] {
        let request = client.authenticated(&alice, Method::POST, paths::UPLOAD);
        let request = request.header(CONTENT_TYPE, form.media_type());
        let request = request.header(CONTENT_ENCODING, coding).body(form.body());
        let outcome: CallResult<FileCreated> = client.json(request).await;
        outcome.refused_as(ProblemKind::UnsupportedMediaType).context(coding)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)
}

/// A form without its final boundary was truncated, so the file may be incomplete.
pub async fn truncated_form_is_not_stored(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let form = Form::of(&Upload::new("half", "the first half"));
    let whole = form.body();
    let inside_the_headers = whole[..40].to_vec();
    for body in [form.truncated_body(), inside_the_headers] {
        let request = client.authenticated(&alice, Method::POST, paths::UPLOAD);
        let request = request.header(CONTENT_TYPE, form.media_type()).body(body);
        let outcome: CallResult<FileCreated> = client.json(request).await;
        outcome.refused_as(ProblemKind::MalformedRequest)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)
}

/// The client disconnects before it has sent `Content-Length` bytes.
pub async fn disconnected_upload_is_not_stored(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let form = Form::of(&Upload::new("half", "the first half"));
    let mut request = request_head(target, &form, form.body().len() + 1_000).await?;
    request.extend(form.body());
    raw::disconnect_after(&target.base_url, &request).await?;
    equal("the listing", listing(&client, &alice).await?, before)
}

/// The limit is twenty parts, because each part costs time (ASVS 5.2.1).
pub async fn form_with_too_many_parts_is_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let file = Upload::new("last", "last");
    let parts = |count| {
        (0..count).fold(Form::empty(), |form, at| form.field(&format!("f{at}"), "x"))
    };
    for form in [parts(20).file("file", &file), parts(2_000)] {
        let refused = client.upload_form(&alice, form).await;
        refused.refused_as(ProblemKind::TooManyParts)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)?;
    client.upload_form(&alice, parts(19).file("file", &file)).await.done()?;
    Ok(())
}

/// The headers of a part are limited.
pub async fn part_with_a_hundred_headers_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let mut file = Upload::new("many", "many");
    file.content_type = format!("text/plain{}", "\r\nX-More: x".repeat(100));
    let refused = client.upload(&alice, &file).await;
    refused.refused_as(ProblemKind::MalformedRequest)?;
    Ok(())
}

/// The refusal comes before the body is read, instead of `100 Continue` (RFC 9110 §10.1.1).
pub async fn large_content_length_is_refused_before_the_body(
    target: &Target,
) -> anyhow::Result<()> {
    let form = Form::of(&Upload::new("huge", ""));
    let request = request_head(target, &form, 10 * target.max_upload).await?;
    let status = raw::first_status(&target.base_url, &request).await?;
    equal("the first status", status, StatusCode::PAYLOAD_TOO_LARGE)
}

/// A client that is still sending can read the refusal, and its next call is not lost on a
/// connection that the server has closed (RFC 9112 §9.6).
pub async fn refusal_reaches_a_client_that_is_still_sending(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let huge = Upload::of_size("huge", 4 * target.max_upload);
    let small = Upload::new("small", "small");
    for _ in 0..3 {
        for form in [Form::of(&huge), Form::of(&huge).without_length()] {
            let refused = client.upload_form(&alice, form).await;
            refused.refused_as(ProblemKind::UploadTooLarge)?;
            let next = client.upload(&alice, &small).await.done();
            next.context("the call after a refusal")?;
        }
    }
    Ok(())
}

/// The head of an upload with `Content-Length: <length>` and `Expect: 100-continue`.
async fn request_head(
    target: &Target,
    form: &Form,
    length: usize,
) -> anyhow::Result<Vec<u8>> {
    let alice = target.sign_in(&target.alice).await?;
    let (name, credential) = alice.header().context("alice has a credential")?;
    let authority = raw::authority(&target.base_url)?;
    let cookies = target.cookies.as_ref().and_then(CookieJar::header);
    let cookies = match &cookies {
        Some(cookies) => format!("Cookie: {}\r\n", cookies.to_str()?),
        None => String::new(),
    };
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {authority}\r\n{name}: {}\r\n{cookies}\
         Content-Type: {}\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
        paths::UPLOAD,
        credential.to_str()?,
        form.media_type()
    );
    Ok(head.into_bytes())
}
