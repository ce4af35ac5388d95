//! The error response to plain HTTP on the HTTPS port. A redirect would be friendlier, but
//! would hide that a cookie or a password has just been sent unencrypted.

use crate::raw_refusal;
use api_contract::problem::ProblemKind;
use http::HeaderValue;
use http_edge::refusal::Refusal;
use std::io;
use tokio::net::TcpStream;

/// Answers 400 to the first request, and closes.
pub(super) async fn refuse(stream: TcpStream, served_by: &HeaderValue) -> io::Result<()> {
    let refusal = Refusal::new(ProblemKind::MalformedRequest)
        .detail("This port requires HTTPS. Write https:// in the URL.");
    raw_refusal::refuse(stream, refusal, served_by).await
}
