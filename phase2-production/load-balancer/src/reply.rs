//! A reply on its way to the client: passed on frame by frame, never collected.

use crate::exchange::Lease;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of a backend's reply. Dropped at its end, it gives the connection back;
/// dropped before, because the client is gone, it closes the connection.
pub(crate) struct ReplyBody {
    body: Incoming,
    ended: bool,
    /// Why it broke off, if it did and the client was not told yet.
    broke: Option<hyper::Error>,
    lease: Option<Lease>,
}

impl ReplyBody {
    /// Ties the connection that brings the reply to the reply's end.
    pub(crate) const fn new(body: Incoming, lease: Lease) -> Self {
        Self { body, ended: false, broke: None, lease: Some(lease) }
    }

    /// The next frame, after moving what the connection can move now.
    fn poll_connection(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        // Asked for first, because hyper reads a body only when somebody wants it.
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let (Poll::Pending, Some(lease)) = (&polled, &mut self.lease) else {
            return polled;
        };
        lease.advance(context);
        Pin::new(&mut self.body).poll_frame(context)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broke.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = self.poll_connection(context);
        match polled {
            Poll::Ready(Some(Err(error))) => {
                if let Some(lease) = &self.lease {
                    lease.note_break(&error);
                }
                // Failed at once, hyper would drop what it has not written yet. While it
                // waits, it writes: the client gets the head and all that came.
                self.broke = Some(error);
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

impl Drop for ReplyBody {
    fn drop(&mut self) {
        // A reply of known length is over before anybody asks for one frame more.
        let over = self.ended || self.is_end_stream();
        if let (true, Some(lease)) = (over, self.lease.take()) {
            lease.give_back();
        }
    }
}
