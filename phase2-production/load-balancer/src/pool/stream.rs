//! The TCP stream to a backend. An error in writing does not end it: the backend may have
//! answered before it closed, and its answer can still be read.
//!
//! A backend that refuses an upload answers and closes while the body is on the way. The
//! system then reports a reset to the writer. hyper would give up at once, and the client
//! would get a 502 instead of the answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Whether writing has failed. Clones share one state.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteFailed(Arc<AtomicBool>);

impl WriteFailed {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream whose reads go on after a failed write. Further writes wait for ever, so that the
/// reader decides: it gets a response, or the end of the connection.
#[derive(Debug)]
pub(crate) struct BackendStream {
    stream: TcpStream,
    failed: WriteFailed,
}

impl BackendStream {
    pub(super) fn new(stream: TcpStream) -> (Self, WriteFailed) {
        let failed = WriteFailed::default();
        (Self { stream, failed: failed.clone() }, failed)
    }

    /// The result of a write, or `Pending` once one has failed.
    fn unless_failed<T>(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed.get() {
            return Poll::Pending;
        }
        let written = ready!(write(Pin::new(&mut self.stream), context));
        if written.is_err() {
            self.failed.0.store(true, Ordering::Relaxed);
            // The reader looks once more; then the end of the connection wakes it.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(written)
    }
}

impl AsyncRead for BackendStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for BackendStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.unless_failed(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unless_failed(context, |stream, context| {
            stream.poll_write_vectored(context, parts)
        })
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.unless_failed(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.failed.get() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
