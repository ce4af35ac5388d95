//! A body that may be so long and no longer, where "so long" changes on the way.
//!
//! A form's parser keeps what comes before a part's content in memory until it has
//! understood it. So only a little is let through until the file begins, then as much as
//! a file may have, then a little again.

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// More came than was allowed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the form is longer than it may be")]
pub(crate) struct TooLong;

/// How much has come, and how much may. Clones are one allowance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance {
    received: Arc<AtomicU64>,
    allowed: Arc<AtomicU64>,
}

impl Allowance {
    /// Lets this many bytes more through than have come so far.
    pub(crate) fn allow_more(&self, bytes: u64) {
        let received = self.received.load(Ordering::Acquire);
        self.allowed.store(received.saturating_add(bytes), Ordering::Release);
    }

    fn takes(&self, bytes: u64) -> bool {
        let received = self.received.fetch_add(bytes, Ordering::AcqRel) + bytes;
        received <= self.allowed.load(Ordering::Acquire)
    }
}

/// The body, under an allowance. Clones read the same body: what one has read, the others
/// do not see.
#[derive(Clone, Debug)]
pub(crate) struct AllowedBody {
    body: Arc<Mutex<Body>>,
    allowance: Allowance,
    /// The parser takes whatever is there before it looks at any of it. A pause after each
    /// frame makes it look, so it cannot run ahead of what it was allowed.
    pauses: bool,
}

impl AllowedBody {
    pub(crate) fn new(body: Body, allowance: Allowance) -> Self {
        Self { body: Arc::new(Mutex::new(body)), allowance, pauses: false }
    }

    /// Reads what nobody has read yet, and keeps nothing of it.
    ///
    /// # Errors
    /// When more comes than is allowed, or the client hangs up before the end.
    pub(crate) async fn drain(mut self) -> Result<(), axum::Error> {
        while let Some(frame) = self.frame().await {
            frame?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for AllowedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if mem::take(&mut self.pauses) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut *self.lock()).poll_frame(context));
        self.pauses = true;
        let length = match &frame {
            Some(Ok(data)) => data.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        match self.allowance.takes(length) {
            true => Poll::Ready(frame),
            false => Poll::Ready(Some(Err(axum::Error::new(TooLong)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
