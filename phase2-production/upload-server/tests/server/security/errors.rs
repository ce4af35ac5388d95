//! Item 40: whatever is sent, the answer is the contract's; and what cannot be known opens
//! no door.

use super::people::Town;
use crate::on::Stores;
use anyhow::{Context, ensure};
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::outcome::Reply;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::problem::{MEDIA_TYPE, Problem, ProblemKind};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::Method;
use http::header::{CONTENT_TYPE, RETRY_AFTER, SERVER, WWW_AUTHENTICATE};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::RequestBuilder;

/// Requests in each design; the list asks for 5,000 in all.
const REQUESTS: usize = 1200;

/// Requests under way at once.
const LANES: usize = 8;

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X-1",
];

/// Paths to which something is done, and such that look like them.
const PATHS: [&str; 36] = [
    paths::SESSION_START,
    paths::SESSION,
    paths::TOKEN,
    paths::TOKEN_REFRESH,
    paths::TOKEN_REVOKE,
    paths::JWKS,
    paths::ACCOUNT_PASSWORD,
    paths::ADMIN_USERS,
    "/api/admin/users/%00",
    "/api/admin/users/%ff%fe/sign-out",
    paths::ADMIN_AUDIT,
    "/api/admin/audit?request_id=%27%20OR%201%3D1--",
    paths::UPLOAD,
    paths::FILES,
    "/api/files?limit=-1",
    "/api/files?limit=99999999999999999999",
    "/api/files?cursor=%00%ff&limit=2",
    "/api/files?limit=1&limit=2",
    "/api/files/",
    "/api/files/01a1fc82-ba13-77d1-bcb1-8abe81e55db5",
    "/api/files/01a1fc82-ba13-77d1-bcb1-8abe81e55db5/content",
    "/api/files/..%2f..%2fetc%2fpasswd",
    "/api/files/%00/content",
    "/api/files/%ff",
    paths::UPLOADS,
    paths::UPLOADS_START,
    paths::UPLOADS_COMPLETE,
    "/api/uploads/x",
    "/api/uploads/x/content?expires=1&signature=x",
    paths::TUS,
    "/api/tus/01a1fc82-ba13-77d1-bcb1-8abe81e55db5",
    "/api/tus/%00",
    paths::EVENTS,
    "//api//files",
    "/api/session/../files",
    "/%2e%2e/%2e%2e/etc/passwd",
];

/// Headers that servers stumble over.
const HEADERS: [(&str, &str); 30] = [
    ("authorization", "Bearer"),
    ("authorization", "Bearer a.b.c"),
    ("authorization", "Basic !!!"),
    ("authorization", "Basic YQ=="),
    ("authorization", "Digest x"),
    ("cookie", "session=;;==;"),
    ("x-session-id", "é"),
    ("content-type", "application/json"),
    ("content-type", "application/json; charset=utf-7"),
    ("content-type", "multipart/form-data"),
    ("content-type", "multipart/form-data; boundary="),
    ("content-type", "application/offset+octet-stream"),
    ("content-type", "x"),
    ("content-encoding", "gzip"),
    ("idempotency-key", ""),
    ("idempotency-key", "é\u{7}"),
    ("range", "bytes=18446744073709551615-"),
    ("range", "bytes=-0,-1,5-2"),
    ("if-none-match", "W/\"x\", *"),
    ("if-range", "yesterday"),
    ("tus-resumable", "1.0.0"),
    ("upload-length", "-1"),
    ("upload-length", "18446744073709551616"),
    ("upload-offset", "18446744073709551615"),
    ("upload-metadata", "filename !!!,,,"),
    ("upload-checksum", "sha256 x"),
    ("upgrade", "websocket"),
    ("x-request-id", "' OR 1=1 --"),
    ("accept", "application/x-nothing"),
    ("sec-fetch-site", "same-origin"),
];

/// Bodies of every kind but the right one.
const BODIES: [&[u8]; 12] = [
    b"",
    b"{",
    b"null",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"{\"username\":\"alice\",\"password\":\"\\u0000\"}",
    b"{\"username\":\"\\ud800\",\"password\":\"x\"}",
    b"{\"refresh_token\":\"\"}",
    b"{\"token\":\"a.b.c\"}",
    b"{\"name\":\"\\u0000\",\"size\":18446744073709551615}",
    b"{\"disabled\":1e400}",
    b"\xff\xfe\x00",
    b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n",
];

/// What tells whoever attacks what is inside.
const LEAKS: [&str; 18] = [
    "panicked", "backtrace", "src/", ".rs:", "sqlx", "sqlite", "postgres", "select ",
    "insert ", "relation", "redis", "argon2", "axum", "hyper", "rustc", "/tmp", "/root",
    "127.0.0.1",
];

/// Item 40. Whatever is sent, with a proof and without: no fault of the server's, and every
/// refusal has the contract's shape and tells nothing of what is inside.
#[tokio::test]
async fn no_request_makes_the_server_fail_or_talk() -> anyhow::Result<()> {
    // Anew in each run, and named in the failure, so that it can be had again.
    let seed: u64 = rand::random();
    for design in ["central", "token"] {
        let free = ["--attempts-per-account", "100000", "--attempts-per-address", "100000"];
        let town = Town::new(Stores::Embedded, design, &free).await?;
        let proof = town.sign_in(&town.root).await?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..REQUESTS / LANES {
            let few: Vec<_> =
                (0..LANES).map(|_| nonsense(&town, &proof, &mut random)).collect();
            let sent = few.into_iter().map(|(what, request)| {
                let town = &town;
                async move {
                    let reply = town.client().send(request).await?;
                    as_the_contract_says(&reply).context(what)
                }
            });
            try_join_all(sent).await.with_context(|| format!("{design}, seed {seed}"))?;
        }
        for replica in town.replicas() {
            let log = replica.server.log();
            ensure!(!log.contains("panicked"), "a handler panicked: seed {seed}\n{log}");
            replica.accepts(&proof).await.context("it still serves")?;
        }
    }
    Ok(())
}

/// One request, and what to call it in a failure.
fn nonsense(
    town: &Town,
    proof: &Proof,
    random: &mut ChaCha8Rng,
) -> (String, RequestBuilder) {
    let any = "a constant list is not empty";
    let method = METHODS.choose(random).expect(any);
    let path = PATHS.choose(random).expect(any);
    let proven = random.random_bool(0.6);
    let body = *BODIES.choose(random).expect(any);
    let headers: Vec<_> = HEADERS.sample(random, 3).collect();
    let what = format!("{method} {path} proven: {proven} {headers:?} {body:?}");
    let method = Method::from_bytes(method.as_bytes()).expect("a token");
    let client = town.client();
    let mut request = client.request(method, path);
    if proven {
        request = proof.put_on(request);
    }
    for (name, value) in headers {
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        // Control characters never leave a client.
        request = value.into_iter().fold(request, |request, v| request.header(*name, v));
    }
    (what, request.body(body))
}

fn as_the_contract_says(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let status = reply.status.as_u16();
    ensure!(status < 500 || status == 503, "a fault of the server's: {status}");
    equal("Server", reply.header(SERVER), None)?;
    ensure!(reply.request_id().is_some() && reply.served_by().is_some(), "unsigned");
    if status < 400 {
        return Ok(());
    }
    equal("Content-Type", reply.header(CONTENT_TYPE), Some(MEDIA_TYPE))?;
    ensure!(status != 401 || reply.header(WWW_AUTHENTICATE).is_some(), "401 to what?");
    let later = status == 429 || status == 503;
    ensure!(!later || reply.header(RETRY_AFTER).is_some(), "{status} until when?");
    let text = String::from_utf8_lossy(&reply.body).to_lowercase();
    for leak in LEAKS {
        ensure!(!text.contains(leak), "{leak:?} is in {text}");
    }
    if text.is_empty() {
        return Ok(()); // The answer to HEAD has no body.
    }
    let problem: Problem = serde_json::from_slice(&reply.body)?;
    equal("the status", problem.status, status)?;
    equal("the instance", Some(problem.instance.as_str()), reply.request_id())?;
    let known = ProblemKind::ALL.iter().find(|kind| kind.slug() == problem.slug());
    equal("the title", Some(problem.title.as_str()), known.map(|kind| kind.title()))
}

/// Item 40. When Redis and the records are gone, nobody who would have to be known is let in:
/// not with a proof that was good, not with one that is made up, not without any.
#[tokio::test]
async fn stores_that_fail_open_no_door() -> anyhow::Result<()> {
    for (design, proven) in [("central", 503), ("token", 503)] {
        let town = Town::new(Stores::Real, design, &[]).await?;
        let (good, mut made_up) = (town.sign_in(&town.alice).await?, Proof::None);
        let root = town.sign_in(&town.root).await?;
        town.redis().kill9().await?;
        let lost = town.world.lose_the_records().await?;
        if let Proof::Session(_) = good {
            made_up = Proof::Session("A".repeat(43).into());
        }
        for (proof, expected) in
            [(&good, &[proven][..]), (&root, &[proven]), (&made_up, &[401, 503]), (&Proof::None, &[401])]
        {
            for (method, path) in [
                (Method::GET, paths::FILES),
                (Method::GET, paths::ADMIN_USERS),
                (Method::POST, paths::ACCOUNT_SIGN_OUT),
                (Method::POST, paths::UPLOAD),
            ] {
                let request = town.client().proven(proof, method, path);
                let form = Form::of(&Upload::new("a", "a"));
                let reply = town.client().send(form.put_on(request)).await?;
                let status = reply.status.as_u16();
                ensure!(expected.contains(&status), "{design} {path}: {status}");
                as_the_contract_says(&reply)?;
            }
        }
        lost.bring_them_back().await?;
    }
    Ok(())
}
