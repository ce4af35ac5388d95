//! Request bodies: length limits and framing.

use crate::account_client::{AccountClient, blobs, slug};
use crate::security::raw_connection::{RawResponse, exchange, head};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::expect::equal;
use client::{Credential, Form, Upload};
use http::{Method, StatusCode};

/// Bytes that a form may add to its file (`http-edge`).
const OVERHEAD: usize = 512 * 1024;

/// Checks that there is no file, and soon no blob.
async fn no_file_remains(app: &TestApp, credential: &Credential) -> anyhow::Result<()> {
    let listed = app.client().list(credential, &ListQuery::default()).await.done()?;
    equal("files", listed.body.files.len(), 0)?;
    eventually(PROCESS_TIMEOUT, "no blobs", async || {
        Ok(blobs(&app.stores.fixture).is_empty().then_some(()))
    })
    .await
}

/// Item 25. A Content-Length above the limit is refused before the body is read, without
/// `100 Continue`. A body without a length is cut off at the limit. A truncated body
/// stores nothing. Through the balancer and directly at a replica.
#[tokio::test]
async fn body_of_wrong_length_leaves_no_file() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let alice = app.sign_in(&app.alice).await?;
    let limit = app.target().max_upload;
    for url in [&app.cluster.url, &app.replica(1).base_url] {
        let form = Form::of(&Upload::new("half.bin", "the first half"));
        let announced = |length: usize, more: &[&str]| {
            let (length, form) = (format!("Content-Length: {length}"), form.media_type());
            let form = format!("Content-Type: {form}");
            let lines = [&[length.as_str(), form.as_str()], more].concat();
            head(url, &alice, &format!("POST {}", paths::UPLOAD), &lines)
        };
        for more in [&[][..], &["Expect: 100-continue"]] {
            let response = exchange(url, announced(limit + OVERHEAD + 1, more)?).await?;
            equal("the only status, without a body", response.statuses(), vec![413])?;
        }
        let short = [announced(form.body().len() + 1_000, &[])?.into(), form.body()];
        client::raw::disconnect_after(url, &short.concat()).await?;
        no_file_remains(&app, &alice).await?;
    }
    let client = app.client();
    for size in [limit + 1, limit + OVERHEAD + 1, 4 * limit] {
        let file = Upload::of_size("huge.bin", size);
        for form in [Form::of(&file), Form::of(&file).without_length()] {
            let refused = client.upload_form(&alice, form).await;
            refused.refused_as(ProblemKind::UploadTooLarge).context(size)?;
        }
    }
    no_file_remains(&app, &alice).await?;
    let most = Upload::of_size("most.bin", limit);
    client.upload(&alice, &most).await.done().context("the limit itself")?;
    Ok(())
}

/// Item 25. The other upload calls have limits too: a signed `PUT` accepts the announced
/// size, a tus upload its remaining bytes, and a JSON body 16 KiB.
#[tokio::test]
async fn no_call_accepts_more_than_its_announced_length() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let (client, credential) = (app.client(), app.sign_in(&app.alice).await?);
    let alice = AccountClient { client: client.clone(), credential: credential.clone() };
    let too_large = alice.start_upload("put.bin", app.target().max_upload + 1).await;
    too_large.refused_as(ProblemKind::UploadTooLarge)?;
    let started = alice.start_upload("put.bin", 1_000).await.done()?.body;
    for chunked in [false, true] {
        let body = Upload::of_size("", 100_000).bytes;
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(body.clone())]);
        let body = if chunked { reqwest::Body::wrap_stream(pieces) } else { body.into() };
        let reply = client.send(client.request(Method::PUT, &started.url).body(body));
        equal("the problem", slug(&reply.await?).as_str(), "upload-too-large")?;
    }
    let path = alice.create("piece.bin", 1_000).await?;
    let reply = alice.append(&path, 0, &[7; 1_001]).await?;
    equal("the problem", slug(&reply).as_str(), "upload-too-large")?;
    equal("the offset", alice.offset(&path).await?, 0)?;
    no_file_remains(&app, &credential).await?;

    let login = client.request(Method::POST, paths::TOKEN);
    let long = format!("{{\"username\":\"{}\",\"password\":\"x\"}}", "a".repeat(20_000));
    let login = login.header("content-type", "application/json").body(long);
    let status = client.send(login).await?.status;
    ensure!(
        [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE].contains(&status),
        "expected: 400 or 413\n  actual:   {status}"
    );
    Ok(())
}

/// A second request after an ambiguous first one. It must not be answered.
const SMUGGLED_REQUEST: &str =
    "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled-1\r\n\r\n";

/// Item 26. Balancer and replica agree on message boundaries (request smuggling). An
/// ambiguous message is refused and its connection closed. A message with both a length
/// and chunks gets one answer before the connection is closed.
#[tokio::test]
async fn ambiguous_message_cannot_smuggle_a_request() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let alice = app.sign_in(&app.alice).await?;
    let until_the_end = format!("Content-Length: {}", 5 + SMUGGLED_REQUEST.len());
    let cases: &[(&[&str], &str, bool)] = &[
        (&["Content-Length: 4", "Content-Length: 5"], "abcd", true),
        (&["Content-Length: 4, 5"], "abcd", true),
        (&["Content-Length: +4"], "abcd", true),
        (&["Content-Length: 0x4"], "abcd", true),
        (&["Content-Length: -1"], "", true),
        (&["Transfer-Encoding: xchunked"], "0\r\n\r\n", true),
        (&["Transfer-Encoding: chunked, identity"], "0\r\n\r\n", true),
        (&["Transfer-Encoding : chunked"], "0\r\n\r\n", true),
        (&["Transfer-Encoding:\u{b}chunked"], "0\r\n\r\n", true),
        (&["X: y\r\n Transfer-Encoding: chunked"], "0\r\n\r\n", true),
        (&["Transfer-Encoding: chunked"], "3\nabc\n0\n\n", false),
        (&["Transfer-Encoding: chunked"], "3;\nx\r\nabc\r\n0\r\n\r\n", false),
        (&["Transfer-Encoding: chunked"], "-3\r\nabc\r\n0\r\n\r\n", false),
        (&["Transfer-Encoding: chunked"], "fffffffffffffffff\r\nabc", false),
        (&["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n", false),
        (&[&until_the_end, "Transfer-Encoding: chunked"], "0\r\n\r\n", false),
        (&["Transfer-Encoding: chunked", &until_the_end], "0\r\n\r\n", false),
    ];
    for url in [&app.cluster.url, &app.replica(2).base_url] {
        for (lines, body, refused_immediately) in cases {
            let path = format!("POST {}", paths::SESSION_END);
            let request = head(url, &alice, &path, lines)? + body + SMUGGLED_REQUEST;
            let response = exchange(url, request).await?;
            // The one answer may be the logout of alice.
            one_answer_and_closed(&response, *refused_immediately)
                .with_context(|| format!("{url}, {lines:?}: {response:?}"))?;
        }
    }
    for replica in app.replicas() {
        ensure!(
            !replica.server.log().contains("smuggled-1"),
            "a replica received the smuggled request"
        );
    }
    Ok(())
}

fn one_answer_and_closed(
    response: &RawResponse,
    refused_immediately: bool,
) -> anyhow::Result<()> {
    ensure!(response.closed, "the connection is open");
    ensure!(!response.text.contains("smuggled-1"), "the second request was answered");
    match response.statuses()[..] {
        [400] => Ok(()),
        [200 | 401] if !refused_immediately => Ok(()),
        // A truncated body at a replica behind a balancer that has already forwarded it.
        [400, 400] | [] if !refused_immediately => Ok(()),
        ref other => anyhow::bail!("the statuses are {other:?}"),
    }
}

/// Item 26. Balancer and replica both accept a bare LF as a line end (RFC 9112 §2.2
/// permits it): each request gets one answer.
#[tokio::test]
async fn bare_line_feeds_are_read_consistently() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    for url in [&app.cluster.url, &app.replica(0).base_url] {
        for request in [
            "GET /livez HTTP/1.1\nHost: x\n\n",
            "GET /livez HTTP/1.1\nHost: x\r\n\n",
            "GET /livez HTTP/1.1\r\nHost: x\n\r\n",
        ] {
            let response = exchange(url, format!("{request}{SMUGGLED_REQUEST}")).await?;
            let answers = response.statuses();
            ensure!(
                answers == [200, 200] || answers == [400],
                "{request:?}: {response:?}"
            );
        }
        for request in [
            "GET /livez HTTP/1.1\rHost: x\r\r",
            "GET /livez HTTP/1.1\r\nHost: x\rX-Request-ID: smuggled-2\r\n\r\n",
            "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: \0\r\n\r\n",
            "GET /livez\u{b}HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            let response = exchange(url, format!("{request}{SMUGGLED_REQUEST}")).await?;
            equal(request, response.statuses(), vec![400])?;
            ensure!(response.closed, "{request:?} leaves the connection open");
        }
    }
    Ok(())
}
