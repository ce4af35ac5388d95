//! A request body with a byte limit that the reader raises on the way.
//!
//! The parser of a form keeps the headers of a part in memory until it has all of them.
//! The limit is therefore small until the file begins, then the size limit of a file, then
//! small again.

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

/// The largest chunk that the parser gets, in bytes. A frame has as many bytes as the server
/// reads from the connection at once, which grows with the connection's speed. The first
/// frame could hold the end of the headers and more of the file than the limit allows
/// before the file is recognised.
pub(crate) const MAX_CHUNK: usize = 256 * 1024;

/// The bytes that a chunk outside the file counts as, if it has fewer. The parser searches
/// all that it keeps after each chunk, so the limit is one on the number of chunks, too.
const MIN_CHARGE: u64 = 512;

/// The body exceeds its limit.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the form exceeds its size limit")]
pub(crate) struct LimitExceeded;

/// Bytes received and bytes allowed. Clones share one limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByteLimit {
    received: Arc<AtomicU64>,
    allowed: Arc<AtomicU64>,
    /// The bytes that a chunk counts as at least.
    min_charge: Arc<AtomicU64>,
}

impl ByteLimit {
    /// Allows this many bytes beyond those already received, outside the file.
    pub(crate) fn allow_more(&self, bytes: u64) {
        self.allow(bytes, MIN_CHARGE);
    }

    /// Allows this many bytes beyond those already received, in the file. The parser passes
    /// them on, so the number of chunks is not limited.
    pub(crate) fn allow_file(&self, bytes: u64) {
        self.allow(bytes, 0);
    }

    fn allow(&self, bytes: u64, min_charge: u64) {
        let received = self.received.load(Ordering::Acquire);
        self.allowed.store(received.saturating_add(bytes), Ordering::Release);
        self.min_charge.store(min_charge, Ordering::Release);
    }

    /// Counts a chunk of this length.
    fn allows(&self, length: usize) -> bool {
        let bytes = (length as u64).max(self.min_charge.load(Ordering::Acquire));
        let received = self.received.fetch_add(bytes, Ordering::AcqRel) + bytes;
        received <= self.allowed.load(Ordering::Acquire)
    }
}

/// A body with a limit. Clones read the same body: a chunk goes to one of them only.
#[derive(Clone, Debug)]
pub(crate) struct LimitedBody {
    source: Arc<Mutex<Source>>,
    limit: ByteLimit,
    /// The parser reads all available chunks before it parses any of them. A `Pending`
    /// after each chunk makes it parse, so it cannot run ahead of the limit.
    yields: bool,
}

/// The received bytes that no reader has had yet, and the body that brings more.
#[derive(Debug)]
struct Source {
    rest: Bytes,
    body: Body,
}

impl Source {
    /// At most [`MAX_CHUNK`] bytes.
    fn poll_chunk(
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
        let chunk = self.rest.split_to(self.rest.len().min(MAX_CHUNK));
        Poll::Ready(Some(Ok(Frame::data(chunk))))
    }
}

impl LimitedBody {
    pub(crate) fn new(body: Body, limit: ByteLimit) -> Self {
        let source = Arc::new(Mutex::new(Source { rest: Bytes::new(), body }));
        Self { source, limit, yields: false }
    }

    /// Reads the rest and discards it.
    ///
    /// # Errors
    /// When the limit is exceeded, or the client disconnects before the end.
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

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if mem::take(&mut self.yields) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = ready!(self.lock().poll_chunk(context));
        self.yields = true;
        let chunk = match &frame {
            Some(Ok(frame)) => frame.data_ref(),
            _ => None,
        };
        match chunk.is_none_or(|chunk| self.limit.allows(chunk.len())) {
            true => Poll::Ready(frame),
            false => Poll::Ready(Some(Err(axum::Error::new(LimitExceeded)))),
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
