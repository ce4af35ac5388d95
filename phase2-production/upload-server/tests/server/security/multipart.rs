//! Multipart forms that are made to exhaust the resources of the server.

use crate::account_client::blobs;
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::{FileCreated, ListQuery};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use client::expect::equal;
use client::{CallResult, Credential, Form, Upload};
use futures_util::stream;
use http::Method;
use http::header::CONTENT_TYPE;
use std::convert::Infallible;

/// Limit for the growth of the peak memory of a replica, in KiB.
const MAX_GROWTH_KIB: u64 = 10 * 1024;

/// The peak memory of each replica so far, in KiB (proc(5), `VmHWM`).
fn peaks(app: &TestApp) -> anyhow::Result<Vec<u64>> {
    let peak = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        anyhow::Ok(figure.context("no VmHWM")?.parse()?)
    };
    app.replicas().iter().map(|replica| peak(replica.server.pid())).collect()
}

/// Sends a form in chunks of 64 KiB without a Content-Length.
async fn send(
    app: &TestApp,
    credential: &Credential,
    media_type: &str,
    pieces: impl Iterator<Item = Bytes> + Send + 'static,
) -> CallResult<FileCreated> {
    let client = app.client();
    let request = client.authenticated(credential, Method::POST, paths::UPLOAD);
    let body = reqwest::Body::wrap_stream(stream::iter(pieces.map(Ok::<_, Infallible>)));
    client.json(request.header(CONTENT_TYPE, media_type).body(body)).await
}

fn in_pieces(body: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let body = Bytes::from(body);
    (0..body.len())
        .step_by(65_536)
        .map(move |at| body.slice(at..body.len().min(at + 65_536)))
}

/// Item 30. A form with a hundred thousand parts, a hundred headers in a part, no end, no
/// beginning, or a repeated field is refused at the documented limit, uses bounded
/// memory, and leaves no blobs.
#[tokio::test]
async fn multipart_bombs_are_refused_with_bounded_memory() -> anyhow::Result<()> {
    let flags = ["--max-upload", "100000000"];
    let app = TestApp::new(StoreKind::Embedded, "central", &flags).await?;
    let alice = app.sign_in(&app.alice).await?;
    let file = Upload::of_size("a.bin", 1_000_000);
    for replica in app.replicas() {
        let id = replica.client().upload(&alice, &file).await.done()?.body.file_id;
        replica.client().delete(&alice, &id).await.done()?;
    }
    let before = peaks(&app)?;
    // Three rounds, so that each replica receives each form.
    for round in 0..3 {
        for (form, kind) in bombs(&file) {
            let media_type = form.media_type();
            let outcome = send(&app, &alice, &media_type, in_pieces(form.body())).await;
            outcome
                .refused_as(kind)
                .with_context(|| format!("{round}: {}", kind.slug()))?;
        }
        let form = Form::of(&file);
        let (media_type, truncated) =
            (form.media_type(), in_pieces(form.truncated_body()));
        let outcome = send(&app, &alice, &media_type, truncated).await;
        outcome.refused_as(ProblemKind::MalformedRequest).context("no last boundary")?;
        let preamble = (0..500).map(|_| Bytes::from_static(&[b'p'; 65_536]));
        let outcome = send(&app, &alice, &media_type, preamble).await;
        outcome.refused_as(ProblemKind::UploadTooLarge).context("an endless preamble")?;
    }
    check_growth(&app, before)?;
    let listed = app.client().list(&alice, &ListQuery::default()).await.done()?;
    equal("files", listed.body.files.len(), 0)?;
    eventually(PROCESS_TIMEOUT, "no blobs", async || {
        Ok(blobs(&app.stores.fixture).is_empty().then_some(()))
    })
    .await
}

/// Complete but invalid forms, and the problem that each causes.
fn bombs(file: &Upload) -> Vec<(Form, ProblemKind)> {
    let parts = |count| {
        (0..count).fold(Form::empty(), |form, at| form.field(&format!("f{at}"), "x"))
    };
    vec![
        (parts(20).file("file", file), ProblemKind::TooManyParts),
        (parts(100_000), ProblemKind::TooManyParts),
        (with_headers(33, file), ProblemKind::MalformedRequest),
        (with_headers(10_000, file), ProblemKind::MalformedRequest),
        (Form::of(file).file("file", file), ProblemKind::MalformedRequest),
        (repeated("file", 30), ProblemKind::MalformedRequest),
        (repeated("note", 30), ProblemKind::TooManyParts),
    ]
}

fn check_growth(app: &TestApp, before: Vec<u64>) -> anyhow::Result<()> {
    for (now, before) in peaks(app)?.into_iter().zip(before) {
        let grown = now.saturating_sub(before);
        ensure!(
            grown <= MAX_GROWTH_KIB,
            "expected: at most {MAX_GROWTH_KIB} KiB more\n  actual:   {grown} KiB"
        );
    }
    Ok(())
}

/// A file in a part with this number of headers.
fn with_headers(count: usize, file: &Upload) -> Form {
    let mut file = file.clone();
    file.content_type = format!("text/plain{}", "\r\nX-More: x".repeat(count - 2));
    Form::of(&file)
}

fn repeated(name: &str, count: usize) -> Form {
    let file = Upload::new("a.txt", "a");
    (0..count).fold(Form::empty(), |form, _| form.file(name, &file))
}
