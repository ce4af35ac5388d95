//! Upload forms: the right ones, the wrong ones, and those that never end.

use crate::checks::listing;
use crate::cookies::CookieJar;
use crate::expect::equal;
use crate::form::{Form, Upload};
use crate::outcome::Outcome;
use crate::raw;
use crate::target::Target;
use anyhow::Context;
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

/// The file may stand anywhere in the form, under its own name only.
pub async fn a_form_without_a_file_is_refused(target: &Target) -> anyhow::Result<()> {
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

/// An upload is a multipart form with a boundary, and nothing else.
pub async fn an_upload_that_is_no_form_is_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for media_type in [
        "application/json",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "nonsense",
    ] {
        let request = client.proven(&alice, Method::POST, paths::UPLOAD);
        let request = request.header(CONTENT_TYPE, media_type).body("file=1");
        let outcome: Outcome<FileCreated> = client.json(request).await;
        outcome.refused_as(ProblemKind::UnsupportedMediaType).context(media_type)?;
    }
    Ok(())
}

/// A form that ends before its last boundary was cut off on the way, so what arrived of
/// the file may not be all of it.
pub async fn a_form_without_an_end_leaves_nothing_behind(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let form = Form::of(&Upload::new("half", "the first half"));
    let whole = form.body();
    let inside_the_headers = whole[..40].to_vec();
    for body in [form.unended_body(), inside_the_headers] {
        let request = client.proven(&alice, Method::POST, paths::UPLOAD);
        let request = request.header(CONTENT_TYPE, form.media_type()).body(body);
        let outcome: Outcome<FileCreated> = client.json(request).await;
        outcome.refused_as(ProblemKind::MalformedRequest)?;
    }
    equal("the listing", listing(&client, &alice).await?, before)
}

/// A body that is shorter than its own Content-Length: the client is gone.
pub async fn an_upload_that_breaks_off_leaves_nothing_behind(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let before = listing(&client, &alice).await?;
    let form = Form::of(&Upload::new("half", "the first half"));
    let mut request = announcing(target, &form, form.body().len() + 1_000).await?;
    request.extend(form.body());
    raw::hang_up_after(&target.base_url, &request).await?;
    equal("the listing", listing(&client, &alice).await?, before)
}

/// Twenty parts are more than an upload needs; each one costs time (ASVS 5.2.1).
pub async fn a_form_with_too_many_parts_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
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

/// A part's headers are bounded, too.
pub async fn a_part_with_a_hundred_headers_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let mut file = Upload::new("many", "many");
    file.content_type = format!("text/plain{}", "\r\nX-More: x".repeat(100));
    let refused = client.upload(&alice, &file).await;
    refused.refused_as(ProblemKind::MalformedRequest)?;
    Ok(())
}

/// An announced size decides before a single byte is read, and nobody is told to go on
/// (RFC 9110 §10.1.1).
pub async fn an_announced_size_beyond_the_limit_is_refused_unread(
    target: &Target,
) -> anyhow::Result<()> {
    let form = Form::of(&Upload::new("huge", ""));
    let request = announcing(target, &form, 10 * target.max_upload).await?;
    let status = raw::first_status(&target.base_url, &request).await?;
    equal("the first status", status, StatusCode::PAYLOAD_TOO_LARGE)
}

/// A client that is still sending gets to read why it was refused, and its next call is
/// not lost on a connection that the server has closed meanwhile (RFC 9112 §9.6).
pub async fn a_refusal_reaches_a_client_that_is_still_sending(
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

/// The head of an upload that announces `length` bytes and waits to be told to go on.
async fn announcing(
    target: &Target,
    form: &Form,
    length: usize,
) -> anyhow::Result<Vec<u8>> {
    let alice = target.sign_in(&target.alice).await?;
    let (name, proof) = alice.header().context("alice has a proof")?;
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
        proof.to_str()?,
        form.media_type()
    );
    Ok(head.into_bytes())
}
