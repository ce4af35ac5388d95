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

/// The most that the parser gets at a time, in bytes. A frame is as long as what the server
/// reads from a connection at once, and that grows with the connection's speed: handed on
/// whole, the first one could hold the end of the headers and more of the file than may come
/// before anybody knows that it is the file.
pub(crate) const PIECE: usize = 256 * 1024;

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
    source: Arc<Mutex<Source>>,
    allowance: Allowance,
    /// The parser takes whatever is there before it looks at any of it. A pause after each
    /// frame makes it look, so it cannot run ahead of what it was allowed.
    pauses: bool,
}

/// What has come and was not handed on yet, and where more comes from.
#[derive(Debug)]
struct Source {
    rest: Bytes,
    body: Body,
}

impl Source {
    /// At most [`PIECE`] bytes.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl AllowedBody {
    pub(crate) fn new(body: Body, allowance: Allowance) -> Self {
        let source = Arc::new(Mutex::new(Source { rest: Bytes::new(), body }));
        Self { source, allowance, pauses: false }
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

    fn lock(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
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
        let frame = ready!(self.lock().poll_piece(context));
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
        let source = self.lock();
        source.rest.is_empty() && source.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let source = self.lock();
        let rest = source.rest.len() as u64;
        let mut hint = source.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(hint.lower().saturating_add(rest));
        hint
    }
}
