//! A request body that is read on after its handler has dropped it ("lingering close").
//!
//! If a server refuses an upload and closes while the client still sends, the client's
//! system discards the refusal unread (RFC 9112 §9.6). The rest of the body is therefore
//! read and discarded for a short time, so that the client can read the refusal.

use crate::expectation::expects_continue;
use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a refused body is read.
pub(crate) const LINGERING_TIMEOUT: Duration = Duration::from_secs(2);

/// A body that a task reads to its end when it is dropped before.
#[derive(Debug)]
pub(crate) struct LingeringBody {
    body: Option<Body>,
    awaits_continue: AwaitsContinue,
}

/// Whether the client waits for `100 Continue`, which the first read sends (RFC 9110
/// §10.1.1). Cleared by that read. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct AwaitsContinue(Arc<AtomicBool>);

impl AwaitsContinue {
    pub(crate) fn of(request: &Parts) -> Self {
        let waits = expects_continue(request.version, &request.headers);
        Self(Arc::new(AtomicBool::new(waits)))
    }

    /// With a reply now, the client may or may not send the body. The connection cannot be
    /// used again, because the next request could not be told from the body.
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl LingeringBody {
    pub(crate) fn new(body: Body, awaits_continue: AwaitsContinue) -> Self {
        Self { body: Some(body), awaits_continue }
    }
}

impl HttpBody for LingeringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.awaits_continue.0.store(false, Ordering::Relaxed);
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
        if self.awaits_continue.get() || self.is_end_stream() {
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
