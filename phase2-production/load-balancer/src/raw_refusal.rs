//! A refusal on a connection that hyper does not serve: to plain HTTP on the HTTPS port, and
//! beyond `--max-connections`.

use crate::refusals;
use api_contract::headers::REQUEST_ID;
use http::{HeaderValue, Method, Request};
use http_body_util::BodyExt;
use http_edge::refusal::Refusal;
use http_edge::request_id::RequestId;
use std::io;
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};

/// The longest head that is read, in bytes.
const MAX_HEAD: u64 = 16 * 1024;

/// How long the rest of a request is read and discarded, so that the client can read the
/// response (RFC 9112 §9.6).
const LINGERING_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes of the rest of a request that are read at most.
const MAX_DISCARDED: u64 = 1024 * 1024;

/// Answers the first request with `refusal`, and closes.
pub(crate) async fn refuse(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    refusal: Refusal,
    served_by: &HeaderValue,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream.take(MAX_HEAD));
    let mut head = Vec::new();
    loop {
        let start = head.len();
        stream.read_until(b'\n', &mut head).await?;
        if matches!(&head[start..], b"" | b"\r\n" | b"\n") {
            break;
        }
    }
    let mut stream = stream.into_inner().into_inner();
    let response = response(refusal, served_by, &parse(&head)).await;
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    let mut rest = stream.take(MAX_DISCARDED);
    let discard = async { tokio::io::copy(&mut rest, &mut tokio::io::sink()).await };
    let _timed_out = tokio::time::timeout(LINGERING_TIMEOUT, discard).await;
    Ok(())
}

/// A request with the method and the request id of `head`. Nothing has checked the head, and
/// the response depends on nothing else in it.
fn parse(head: &[u8]) -> Request<()> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let method = lines.next().and_then(|line| line.split(' ').next());
    let id = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case(REQUEST_ID))
        .and_then(|(_, value)| HeaderValue::from_str(value.trim()).ok());
    let mut request = Request::new(());
    if let Some(Ok(method)) = method.map(|name| Method::from_bytes(name.as_bytes())) {
        *request.method_mut() = method;
    }
    if let Some(id) = id {
        request.headers_mut().insert(REQUEST_ID, id);
    }
    request
}

async fn response(
    refusal: Refusal,
    served_by: &HeaderValue,
    request: &Request<()>,
) -> Vec<u8> {
    let reply = refusals::into_reply(refusal, served_by, &RequestId::of(request));
    let (head, body) = reply.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut text = format!("HTTP/1.1 {}\r\nConnection: close\r\n", head.status);
    for (name, value) in &head.headers {
        let value = value.to_str().unwrap_or_default();
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut response = text.into_bytes();
    // A response to HEAD has the length of the body but not the body (RFC 9110 §9.3.2).
    if *request.method() != Method::HEAD {
        response.extend_from_slice(&body);
    }
    response
}
