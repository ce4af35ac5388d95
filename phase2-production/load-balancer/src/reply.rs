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
    lease: Option<Lease>,
}

impl ReplyBody {
    /// Ties the connection that brings the reply to the reply's end.
    pub(crate) const fn new(body: Incoming, lease: Lease) -> Self {
        Self { body, ended: false, lease: Some(lease) }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Err(error))) => {
                if let Some(lease) = &self.lease {
                    lease.note_break(error);
                }
            }
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
