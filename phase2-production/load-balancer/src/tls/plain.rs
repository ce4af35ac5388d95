//! What somebody is told who speaks plain HTTP to the HTTPS port. A redirect would be
//! friendlier, and would hide that a cookie or a password has just travelled in clear.

use api_contract::problem::ProblemKind;
use http::Request;
use http_body_util::BodyExt;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The longest head that is read.
const LONGEST_HEAD: u64 = 16 * 1024;

/// How long the rest of a request is taken, and how much of it, so that the client gets to
/// read the answer (RFC 9112 §9.6).
const LINGER: (Duration, u64) = (Duration::from_secs(1), 1024 * 1024);

/// Answers 400 to the first request, and closes.
pub(super) async fn refuse(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream.take(LONGEST_HEAD));
    let mut line = Vec::new();
    while !matches!(&line[..], b"\r\n" | b"\n") {
        line.clear();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            break;
        }
    }
    let mut stream = stream.into_inner().into_inner();
    stream.write_all(&answer().await).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(LINGER.1);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    let _lingered = tokio::time::timeout(LINGER.0, discard).await;
    Ok(())
}

async fn answer() -> Vec<u8> {
    let id = RequestId::of(&Request::new(()));
    let refusal = Refusal::new(ProblemKind::MalformedRequest)
        .detail("This port speaks HTTPS. Write https:// in the address.");
    let reply = refusal.into_named_response(id.as_str());
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut answer = format!("HTTP/1.1 {}\r\nConnection: close\r\n", head.status);
    for (name, value) in &head.headers {
        let value = value.to_str().unwrap_or_default();
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str(&format!("content-length: {}\r\n", body.len()));
    answer.push_str(&format!("x-request-id: {}\r\n\r\n", id.as_str()));
    [answer.as_bytes(), &body].concat()
}
