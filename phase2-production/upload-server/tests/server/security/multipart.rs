//! Forms that are made to cost more than they bring.

use crate::on::Stores;
use crate::security::people::Town;
use crate::steps::blobs;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::files::{FileCreated, ListQuery};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use http::header::CONTENT_TYPE;
use std::convert::Infallible;

/// What a form may add to the most memory that a replica has had, in KiB.
const MAY_GROW_KIB: u64 = 10 * 1024;

/// The most memory that each replica has had so far, in KiB (proc(5), `VmHWM`).
fn peaks(town: &Town) -> anyhow::Result<Vec<u64>> {
    let peak = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let figure = line.and_then(|line| line.split_whitespace().next());
        anyhow::Ok(figure.context("a Linux system says VmHWM")?.parse()?)
    };
    town.replicas().iter().map(|replica| peak(replica.server.pid())).collect()
}

/// Sends a form in pieces of 64 KiB, without saying how long it is.
async fn send(
    town: &Town,
    proof: &Proof,
    media_type: &str,
    pieces: impl Iterator<Item = Bytes> + Send + 'static,
) -> Outcome<FileCreated> {
    let client = town.client();
    let request = client.proven(proof, Method::POST, paths::UPLOAD);
    let body = reqwest::Body::wrap_stream(stream::iter(pieces.map(Ok::<_, Infallible>)));
    client.json(request.header(CONTENT_TYPE, media_type).body(body)).await
}

fn in_pieces(body: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let body = Bytes::from(body);
    (0..body.len())
        .step_by(65_536)
        .map(move |at| body.slice(at..body.len().min(at + 65_536)))
}

/// Item 30. A hundred thousand parts, a hundred headers in a part, no end, no beginning,
/// the same field over and over: each is refused at the documented bound, costs no memory
/// worth the name, and leaves nothing.
#[tokio::test]
async fn a_form_that_is_a_bomb_is_refused_and_costs_nothing() -> anyhow::Result<()> {
    let flags = ["--max-upload", "100000000"];
    let town = Town::new(Stores::Embedded, "central", &flags).await?;
    let alice = town.sign_in(&town.alice).await?;
    let file = Upload::of_size("a.bin", 1_000_000);
    for replica in town.replicas() {
        let id = replica.client().upload(&alice, &file).await.done()?.body.file_id;
        replica.client().delete(&alice, &id).await.done()?;
    }
    let before = peaks(&town)?;
    // Each bomb goes off three times, so that each replica has had it.
    for round in 0..3 {
        for (form, kind) in bombs(&file) {
            let media_type = form.media_type();
            let outcome = send(&town, &alice, &media_type, in_pieces(form.body())).await;
            outcome
                .refused_as(kind)
                .with_context(|| format!("{round}: {}", kind.slug()))?;
        }
        let form = Form::of(&file);
        let (media_type, unended) = (form.media_type(), in_pieces(form.unended_body()));
        let outcome = send(&town, &alice, &media_type, unended).await;
        outcome.refused_as(ProblemKind::MalformedRequest).context("no last boundary")?;
        let preamble = (0..500).map(|_| Bytes::from_static(&[b'p'; 65_536]));
        let outcome = send(&town, &alice, &media_type, preamble).await;
        outcome.refused_as(ProblemKind::UploadTooLarge).context("an endless preamble")?;
    }
    have_not_grown(&town, before)?;
    let listed = town.client().list(&alice, &ListQuery::default()).await.done()?;
    equal("files", listed.body.files.len(), 0)?;
    eventually(PATIENCE, "a store without leftovers", async || {
        Ok(blobs(&town.world.fixture).is_empty().then_some(()))
    })
    .await
}

/// Forms that are complete and wrong, and what each is refused for.
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

fn have_not_grown(town: &Town, before: Vec<u64>) -> anyhow::Result<()> {
    for (now, before) in peaks(town)?.into_iter().zip(before) {
        let grown = now.saturating_sub(before);
        ensure!(
            grown <= MAY_GROW_KIB,
            "expected: at most {MAY_GROW_KIB} KiB more\n  actual:   {grown} KiB"
        );
    }
    Ok(())
}

/// A file in a part with so many headers.
fn with_headers(count: usize, file: &Upload) -> Form {
    let mut file = file.clone();
    file.content_type = format!("text/plain{}", "\r\nX-More: x".repeat(count - 2));
    Form::of(&file)
}

fn repeated(name: &str, count: usize) -> Form {
    let file = Upload::new("a.txt", "a");
    (0..count).fold(Form::empty(), |form, _| form.file(name, &file))
}
