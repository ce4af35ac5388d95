//! A response's body on its way to the client: passed on frame by frame, never buffered.

use crate::exchange::Lease;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of a backend's response. Dropped at its end, it gives the connection back;
/// dropped before, because the client has disconnected, it closes the connection.
pub(crate) struct ResponseBody {
    body: Incoming,
    ended: bool,
    /// The error to pass on at the next poll.
    error: Option<hyper::Error>,
    lease: Option<Lease>,
}

impl ResponseBody {
    /// Binds the connection to the end of the response that it carries.
    pub(crate) const fn new(body: Incoming, lease: Lease) -> Self {
        Self { body, ended: false, error: None, lease: Some(lease) }
    }

    /// The next frame, after the progress that the connection can make now.
    fn poll_connection(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Polled first, because hyper reads a body only after it was polled.
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let (Poll::Pending, Some(lease)) = (&polled, &mut self.lease) else {
            return polled;
        };
        lease.advance(context);
        Pin::new(&mut self.body).poll_frame(context)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = self.poll_connection(context);
        match polled {
            Poll::Ready(Some(Err(error))) => {
                if let Some(lease) = &self.lease {
                    lease.note_abort(&error);
                }
                // With an error at once, hyper would drop the bytes it has not written.
                // While it waits, it writes: the client gets all that was received.
                self.error = Some(error);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body of known length is not polled after its last frame.
        let complete = self.ended || self.is_end_stream();
        if let (true, Some(lease)) = (complete, self.lease.take()) {
            lease.give_back();
        }
    }
}
