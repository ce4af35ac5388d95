//! Requests as bytes, built once and sent many times.

use api_contract::{headers, paths};
use std::fmt::Write;

/// One request as it goes over the wire.
pub(crate) type Request = Vec<u8>;

/// `GET`, with further header lines such as `X-Session-ID: …`.
pub(crate) fn get(path: &str, lines: &[String]) -> Request {
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    for line in lines {
        let _infallible = write!(text, "{line}\r\n");
    }
    text += "\r\n";
    text.into_bytes()
}

/// `POST` with a name and a password.
pub(crate) fn log_in(path: &str, username: &str, password: &str) -> Request {
    let given = serde_json::json!({ "username": username, "password": password });
    let body = given.to_string();
    let mut text = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n");
    let _infallible = write!(
        text,
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    text.into_bytes()
}

/// The bytes before and after the content of an upload of `size` bytes.
pub(crate) fn upload(credential: &str, size: u64) -> (Request, Request) {
    const BOUNDARY: &str = "one-file-and-nothing-else";
    let before = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; \
         filename=\"measured.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    let length = before.len() as u64 + size + after.len() as u64;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\n{credential}\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Content-Length: {length}\r\n\r\n{before}",
        paths::UPLOAD
    );
    (head.into_bytes(), after.into_bytes())
}

/// The header line of a session.
pub(crate) fn session_line(id: &str) -> String {
    format!("{}: {id}", headers::SESSION_ID)
}

/// The header line of a token.
pub(crate) fn bearer_line(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}
