//! A request body that is read to its end even if nobody wants it any more.
//!
//! A server that refuses an upload and closes while the client still sends makes the
//! client's system throw the refusal away unread (RFC 9112 §9.6). So the rest of the body
//! is taken and discarded for a moment, and the client gets to read why.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a refused body is taken.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body. Dropped before its end, it goes on in a task of its own.
#[derive(Debug)]
pub(crate) struct PatientBody {
    body: Option<Body>,
    /// The client sends nothing until it is told to, and being read is being told
    /// (RFC 9110 §10.1.1). Cleared by the first read.
    waits_to_be_asked: bool,
}

impl PatientBody {
    pub(crate) fn new(body: Body, headers: &HeaderMap) -> Self {
        Self { body: Some(body), waits_to_be_asked: headers.contains_key(EXPECT) }
    }
}

impl HttpBody for PatientBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits_to_be_asked = false;
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

impl Drop for PatientBody {
    fn drop(&mut self) {
        if self.waits_to_be_asked || self.is_end_stream() {
            return;
        }
        let (Some(mut rest), Ok(runtime)) =
            (self.body.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
            let _patience_ended = tokio::time::timeout(PATIENCE, discard).await;
        });
    }
}
