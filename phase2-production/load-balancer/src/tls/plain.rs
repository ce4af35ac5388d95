//! The error response to plain HTTP on the HTTPS port. A redirect would be friendlier, but
//! would hide that a cookie or a password has just been sent unencrypted.

use api_contract::problem::ProblemKind;
use http::Request;
use http_body_util::BodyExt;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest head that is read, in bytes.
const MAX_HEAD: u64 = 16 * 1024;

/// How long the rest of a request is read and discarded, so that the client can read the
/// response (RFC 9112 §9.6).
const LINGERING_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of the rest of a request that are read at most.
const MAX_DISCARDED: u64 = 1024 * 1024;

/// Answers 400 to the first request, and closes.
pub(super) async fn refuse(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream.take(MAX_HEAD));
    let mut line = Vec::new();
    while !matches!(&line[..], b"\r\n" | b"\n") {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
    }
    let mut stream = stream.into_inner().into_inner();
    stream.write_all(&response().await).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(MAX_DISCARDED);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    let _timed_out = tokio::time::timeout(LINGERING_TIMEOUT, discard).await;
    Ok(())
}

async fn response() -> Vec<u8> {
    let id = RequestId::of(&Request::new(()));
    let refusal = Refusal::new(ProblemKind::MalformedRequest)
        .detail("This port requires HTTPS. Write https:// in the URL.");
    let reply = refusal.into_named_response(id.as_str());
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut text = format!("HTTP/1.1 {}\r\nConnection: close\r\n", head.status);
    for (name, value) in &head.headers {
        let value = value.to_str().unwrap_or_default();
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n", body.len()));
    text.push_str(&format!("x-request-id: {}\r\n\r\n", id.as_str()));
    [text.as_bytes(), &body].concat()
}
