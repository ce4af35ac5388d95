//! The end of a WebSocket connection (RFC 6455 §4.2.2, §5.5.1, §7.4.1), byte by byte:
//! client libraries hide the frames.

use crate::account_client::{AccountClient, single_replica};
use crate::security::raw_connection::{connect, exchange, head};
use anyhow::{Context, ensure};
use api_conformance::fixture::Started;
use api_contract::paths;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time between the client's bytes and the end of the connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The head lines of an upgrade, without the version.
const UPGRADE: [&str; 3] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

async fn upgraded(server: &Started, alice: &AccountClient) -> anyhow::Result<TcpStream> {
    let lines = [&UPGRADE[..], &["Sec-WebSocket-Version: 13"]].concat();
    let call = format!("GET {}", paths::EVENTS);
    let head = head(&server.base_url, &alice.credential, &call, &lines)?;
    let mut stream = connect(&server.base_url).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        received.push(timeout(CLOSE_TIMEOUT, stream.read_u8()).await??);
    }
    let text = String::from_utf8_lossy(&received).into_owned();
    ensure!(text.starts_with("HTTP/1.1 101 "), "{text}");
    Ok(stream)
}

/// A masked frame; the mask is zero, so that the payload is readable.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).unwrap_or_default()),
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Reads until the server closes; returns the code of its close frame, 0 if the frame has
/// no code, and `None` without a frame.
async fn close_code(stream: &mut TcpStream) -> anyhow::Result<Option<u16>> {
    let mut received = Vec::new();
    let read = async {
        loop {
            match stream.read_buf(&mut received).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    timeout(CLOSE_TIMEOUT, read).await.context("the connection stays open")?;
    let mut rest = received.as_slice();
    while let [first, length, after @ ..] = rest {
        let length = usize::from(*length).min(after.len());
        let (payload, next) = after.split_at(length);
        if *first == 0x88 {
            let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
            return Ok(Some(code));
        }
        rest = next;
    }
    Ok(None)
}

fn close_frame(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes()[..], reason].concat())
}

/// A row: a name, the bytes that the client sends, and the expected code.
type Row = (&'static str, Vec<u8>, u16);

fn closings() -> Vec<Row> {
    vec![
        ("close 1000", close_frame(1000, b""), 1000),
        ("close 1000 with a reason", close_frame(1000, b"bye"), 1000),
        ("close 1001", close_frame(1001, b""), 1001),
        ("close 4000", close_frame(4000, b"own"), 4000),
        ("close without a code", frame(0x88, b""), 0),
        (
            "close after a message",
            [frame(0x81, b"ping"), close_frame(1000, b"")].concat(),
            1000,
        ),
    ]
}

fn violations() -> Vec<Row> {
    let unmasked = vec![0x81, 1, b'x'];
    vec![
        ("close with half a code", frame(0x88, b"\x03"), 1002),
        ("close 1005, which no frame has", close_frame(1005, b""), 1002),
        ("close 1006, which no frame has", close_frame(1006, b""), 1002),
        ("close 999", close_frame(999, b""), 1002),
        ("close with a reason that is no text", close_frame(1000, b"\xff\xfe"), 1007),
        ("a frame without a mask", unmasked, 1002),
        ("a reserved data opcode", frame(0x83, b"x"), 1002),
        ("a reserved control opcode", frame(0x8b, b"x"), 1002),
        ("a reserved bit", frame(0xc1, b"x"), 1002),
        ("a fragmented ping", frame(0x09, b"x"), 1002),
        ("a ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        (
            "a text inside a message",
            [frame(0x01, b"x"), frame(0x81, b"x")].concat(),
            1002,
        ),
        ("a text that is no UTF-8", frame(0x81, b"\xff\xfe"), 1007),
        (
            "fragments that are no UTF-8",
            [frame(0x01, b"\xce"), frame(0x80, b"\xff")].concat(),
            1007,
        ),
        ("a message that is too long", frame(0x82, &vec![0; 64 * 1024 + 1]), 1009),
        (
            "fragments that are too long",
            [frame(0x02, &vec![0; 40 * 1024]), frame(0x80, &vec![0; 40 * 1024])].concat(),
            1009,
        ),
    ]
}

#[tokio::test]
async fn every_end_is_answered_with_its_close_code() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    let mut failures = Vec::new();
    for (name, bytes, expected) in closings().into_iter().chain(violations()) {
        let mut stream = upgraded(&server, &alice).await?;
        stream.write_all(&bytes).await?;
        let found = close_code(&mut stream).await.context(name)?;
        if found != Some(expected) {
            failures.push(format!("{name}: {found:?} instead of {expected}"));
        }
    }
    ensure!(failures.is_empty(), "{failures:#?}");
    Ok(())
}

/// The reply names the version that the server supports.
#[tokio::test]
async fn unsupported_websocket_version_gets_the_supported_one() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    for version in [None, Some("8"), Some("14"), Some("13, 8"), Some("")] {
        let line = version.map(|version| format!("Sec-WebSocket-Version: {version}"));
        let mut lines = UPGRADE.to_vec();
        lines.extend(line.as_deref());
        let call = format!("GET {}", paths::EVENTS);
        let head = head(&server.base_url, &alice.credential, &call, &lines)?;
        let reply = exchange(&server.base_url, head).await?;
        let text = reply.text.to_lowercase();
        ensure!(["400", "426"].contains(&&text[9..12]), "{version:?}: {text}");
        ensure!(
            text.contains("\r\nsec-websocket-version: 13\r\n"),
            "{version:?}: {text}"
        );
    }
    Ok(())
}

/// RFC 6455 §4.1: the key is 16 bytes in base64.
#[tokio::test]
async fn malformed_websocket_key_is_refused() -> anyhow::Result<()> {
    let (server, alice) = single_replica(&[]).await?;
    for key in ["", "x", "dGhlIHNhbXBsZSBub25j", "dGhlIHNhbXBsZSBub25jZWFh"] {
        let key = format!("Sec-WebSocket-Key: {key}");
        let lines = [UPGRADE[0], UPGRADE[1], &key, "Sec-WebSocket-Version: 13"];
        let call = format!("GET {}", paths::EVENTS);
        let head = head(&server.base_url, &alice.credential, &call, &lines)?;
        let reply = exchange(&server.base_url, head).await?;
        ensure!(reply.statuses() == [400], "{key}: {}", reply.text);
    }
    Ok(())
}
