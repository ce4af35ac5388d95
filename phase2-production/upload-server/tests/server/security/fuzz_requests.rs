//! Fuzz requests: random combinations of methods, paths, headers and bodies that break
//! servers.

use api_contract::paths;
use client::{Client, Credential};
use http::Method;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use reqwest::RequestBuilder;

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    "X-1",
];

/// Existing paths, and invalid variants of them.
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

/// Headers that break servers.
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

/// Invalid bodies of many kinds.
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

/// A random request and its description for a failure message.
pub(crate) fn fuzz_request(
    client: &Client,
    credential: &Credential,
    random: &mut ChaCha8Rng,
) -> (String, RequestBuilder) {
    let reason = "a constant list is not empty";
    let method = METHODS.choose(random).expect(reason);
    let path = PATHS.choose(random).expect(reason);
    let authenticated = random.random_bool(0.6);
    let body = *BODIES.choose(random).expect(reason);
    let headers: Vec<_> = HEADERS.sample(random, 3).collect();
    let description =
        format!("{method} {path} authenticated: {authenticated} {headers:?} {body:?}");
    let method = Method::from_bytes(method.as_bytes()).expect("a token");
    let mut request = client.request(method, path);
    if authenticated {
        request = credential.apply_to(request);
    }
    for (name, value) in headers {
        let value = http::HeaderValue::from_bytes(value.as_bytes());
        // The client library cannot send control characters.
        request = value.into_iter().fold(request, |request, v| request.header(*name, v));
    }
    (description, request.body(body))
}
