//! Request bodies: how long they may be, and where they end.

use crate::on::Stores;
use crate::security::people::Town;
use crate::security::wire::{Heard, exchange, head};
use crate::steps::{Person, blobs, slug};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::outcome::Outcome;
use api_conformance::process::PATIENCE;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::uploads::{UploadStart, UploadStarted};
use http::{Method, StatusCode};

/// What may come around a file in its form (`http-edge`), in bytes.
const OVERHEAD: usize = 512 * 1024;

/// Nothing is listed, and after a moment nothing lies about.
async fn nothing_is_left(town: &Town, proof: &Proof) -> anyhow::Result<()> {
    let listed = town.client().list(proof, &ListQuery::default()).await.done()?;
    equal("files", listed.body.files.len(), 0)?;
    eventually(PATIENCE, "a store without leftovers", async || {
        Ok(blobs(&town.world.fixture).is_empty().then_some(()))
    })
    .await
}

/// Item 25. Who announces too much hears so before the body is read, and is not told to
/// go on; who announces nothing and sends too much is stopped; and who breaks off has
/// uploaded nothing. Through the balancer and at a replica.
#[tokio::test]
async fn a_body_that_is_too_long_or_too_short_leaves_nothing() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let alice = town.sign_in(&town.alice).await?;
    let limit = town.target().max_upload;
    for url in [&town.farm.url, &town.replica(1).base_url] {
        let form = Form::of(&Upload::new("half.bin", "the first half"));
        let announced = |length: usize, more: &[&str]| {
            let (length, form) = (format!("Content-Length: {length}"), form.media_type());
            let form = format!("Content-Type: {form}");
            let lines = [&[length.as_str(), form.as_str()], more].concat();
            head(url, &alice, &format!("POST {}", paths::UPLOAD), &lines)
        };
        for more in [&[][..], &["Expect: 100-continue"]] {
            let heard = exchange(url, announced(limit + OVERHEAD + 1, more)?).await?;
            equal("the only status, without a body", heard.statuses(), vec![413])?;
        }
        let short = [announced(form.body().len() + 1_000, &[])?.into(), form.body()];
        api_conformance::raw::hang_up_after(url, &short.concat()).await?;
        nothing_is_left(&town, &alice).await?;
    }
    let client = town.client();
    for size in [limit + 1, limit + OVERHEAD + 1, 4 * limit] {
        let file = Upload::of_size("huge.bin", size);
        for form in [Form::of(&file), Form::of(&file).without_length()] {
            let refused = client.upload_form(&alice, form).await;
            refused.refused_as(ProblemKind::UploadTooLarge).context(size)?;
        }
    }
    nothing_is_left(&town, &alice).await?;
    let most = Upload::of_size("most.bin", limit);
    client.upload(&alice, &most).await.done().context("the limit itself")?;
    Ok(())
}

/// Item 25. The other ways to send bytes have limits, too: a signed `PUT` takes what was
/// announced, a tus upload no more than is left, and JSON sixteen kilobytes.
#[tokio::test]
async fn no_other_call_takes_more_than_was_announced() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let (client, proof) = (town.client(), town.sign_in(&town.alice).await?);
    let alice = Person { client: client.clone(), proof: proof.clone() };
    let start = |size: usize| {
        let asked = UploadStart {
            name: "put.bin".to_owned(),
            content_type: "text/plain".to_owned(),
            size: size as u64,
        };
        alice.ask(Method::POST, paths::UPLOADS_START).json(&asked)
    };
    let too_large: Outcome<UploadStarted> =
        client.json(start(town.target().max_upload + 1)).await;
    too_large.refused_as(ProblemKind::UploadTooLarge)?;
    let started: UploadStarted = client.json(start(1_000)).await.done()?.body;
    for chunked in [false, true] {
        let body = Upload::of_size("", 100_000).bytes;
        let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>(body.clone())]);
        let body = if chunked { reqwest::Body::wrap_stream(pieces) } else { body.into() };
        let reply = client.send(client.request(Method::PUT, &started.url).body(body));
        equal("the answer", slug(&reply.await?).as_str(), "upload-too-large")?;
    }
    let path = alice.create("piece.bin", 1_000).await?;
    let reply = alice.append(&path, 0, &[7; 1_001]).await?;
    equal("the answer", slug(&reply).as_str(), "upload-too-large")?;
    equal("the offset", alice.offset(&path).await?, 0)?;
    nothing_is_left(&town, &proof).await?;

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

/// What follows on a connection whose first request is doubtful. Nobody may answer it.
const FOLLOWER: &str =
    "GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled-1\r\n\r\n";

/// Item 26. Where one message ends and the next begins is the same for balancer and
/// replica. A doubtful one is refused and its connection closed; of two readings of a
/// message (a length beside chunks) there is one answer, then the connection is closed.
#[tokio::test]
async fn a_message_with_two_readings_smuggles_nothing() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let alice = town.sign_in(&town.alice).await?;
    let until_the_end = format!("Content-Length: {}", 5 + FOLLOWER.len());
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
    for url in [&town.farm.url, &town.replica(2).base_url] {
        for (lines, body, refused_at_once) in cases {
            let path = format!("POST {}", paths::SESSION_END);
            let request = head(url, &alice, &path, lines)? + body + FOLLOWER;
            let heard = exchange(url, request).await?;
            // An honest ending of alice's session may be the one answer.
            one_answer_and_closed(&heard, *refused_at_once)
                .with_context(|| format!("{url}, {lines:?}: {heard:?}"))?;
        }
    }
    for replica in town.replicas() {
        ensure!(!replica.server.log().contains("smuggled-1"), "a replica was fooled");
    }
    Ok(())
}

fn one_answer_and_closed(heard: &Heard, refused_at_once: bool) -> anyhow::Result<()> {
    ensure!(heard.closed, "the connection is open");
    ensure!(!heard.text.contains("smuggled-1"), "the second request is answered");
    match heard.statuses()[..] {
        [400] => Ok(()),
        [200 | 401] if !refused_at_once => Ok(()),
        // A body that breaks off at a replica behind a balancer that has passed it on.
        [400, 400] | [] if !refused_at_once => Ok(()),
        ref other => anyhow::bail!("the statuses are {other:?}"),
    }
}

/// Item 26. A line that ends with LF alone is taken as a line (RFC 9112 §2.2 allows it) by
/// both in the same way: one request is one answer, and the next request is its own.
#[tokio::test]
async fn bare_line_feeds_are_read_by_all_in_the_same_way() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    for url in [&town.farm.url, &town.replica(0).base_url] {
        for request in [
            "GET /livez HTTP/1.1\nHost: x\n\n",
            "GET /livez HTTP/1.1\nHost: x\r\n\n",
            "GET /livez HTTP/1.1\r\nHost: x\n\r\n",
        ] {
            let heard = exchange(url, format!("{request}{FOLLOWER}")).await?;
            let answers = heard.statuses();
            ensure!(answers == [200, 200] || answers == [400], "{request:?}: {heard:?}");
        }
        for request in [
            "GET /livez HTTP/1.1\rHost: x\r\r",
            "GET /livez HTTP/1.1\r\nHost: x\rX-Request-ID: smuggled-2\r\n\r\n",
            "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: \0\r\n\r\n",
            "GET /livez\u{b}HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            let heard = exchange(url, format!("{request}{FOLLOWER}")).await?;
            equal(request, heard.statuses(), vec![400])?;
            ensure!(heard.closed, "{request:?} leaves the connection open");
        }
    }
    Ok(())
}
