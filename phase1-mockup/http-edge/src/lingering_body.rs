//! A request body that is read on after its handler has dropped it ("lingering close").
//!
//! If a server refuses an upload and closes while the client still sends, the client's
//! system discards the refusal unread (RFC 9112 §9.6). The rest of the body is therefore
//! read and discarded for a short time, so that the client can read the refusal.

use axum::body::Body;
use bytes::Bytes;
use http::header::EXPECT;
use http::request::Parts;
use http::{HeaderValue, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a refused body is read.
pub(crate) const LINGERING_TIMEOUT: Duration = Duration::from_secs(2);

/// A body that a task reads to its end when it is dropped before.
#[derive(Debug)]
pub(crate) struct LingeringBody {
    body: Option<Body>,
    /// The client waits for `100 Continue`, which the first read sends (RFC 9110 §10.1.1).
    /// Cleared by that read.
    awaits_continue: bool,
}

impl LingeringBody {
    pub(crate) fn new(body: Body, request: &Parts) -> Self {
        Self { body: Some(body), awaits_continue: expects_continue(request) }
    }
}

/// Whether hyper sends `100 Continue` before it reads the body. It ignores other expectations
/// and those of HTTP/1.0, and goes by the last of several.
fn expects_continue(request: &Parts) -> bool {
    let expected = request.headers.get_all(EXPECT).iter().next_back();
    let expected = expected.map(HeaderValue::as_bytes);
    request.version > Version::HTTP_10
        && expected.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
}

impl HttpBody for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.awaits_continue = false;
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for LingeringBody {
    fn drop(&mut self) {
        if self.awaits_continue || self.is_end_stream() {
            return;
        }
        let (Some(mut rest), Ok(runtime)) =
            (self.body.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
            let _timed_out = tokio::time::timeout(LINGERING_TIMEOUT, discard).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn only_expectations_that_delay_the_body_count() {
        let cases: [(Version, &[&str], bool); 7] = [
            (Version::HTTP_11, &["100-continue"], true),
            (Version::HTTP_11, &["100-Continue"], true),
            (Version::HTTP_11, &["foo", "100-continue"], true),
            (Version::HTTP_11, &["100-continue", "foo"], false),
            (Version::HTTP_11, &["foo"], false),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_10, &["100-continue"], false),
        ];
        for (version, expected, delays) in cases {
            let mut request = Request::builder().version(version);
            for value in expected {
                request = request.header(EXPECT, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(expects_continue(&parts), delays, "{version:?} {expected:?}");
        }
    }
}
