//! A response's body on its way to the client: passed on frame by frame, never buffered.

use crate::config::Limits;
use crate::exchange::Lease;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

type BodyError = Box<dyn Error + Send + Sync>;

/// The body of a backend's response. Dropped at its end, it gives the connection back;
/// dropped before, because the client has disconnected, it closes the connection.
pub(crate) struct ResponseBody {
    body: Incoming,
    ended: bool,
    /// The error to pass on at the next poll.
    error: Option<BodyError>,
    lease: Option<Lease>,
    wait: Wait,
}

/// The wait for the next frame of the backend. Time in which the client does not read is not
/// part of it.
struct Wait {
    limits: Limits,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Wait {
    const fn new(limits: Limits) -> Self {
        Self { limits, since: None, timer: None }
    }

    /// Ready when the backend has had to act for too long. An upload that makes progress at
    /// the same time is progress of the whole exchange.
    fn poll_stalled(&mut self, context: &mut Context<'_>, lease: &Lease) -> Poll<()> {
        let Limits { idle, down, .. } = self.limits;
        let since = *self.since.get_or_insert_with(Instant::now);
        let interval = idle.min(down);
        let timer =
            self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(interval)));
        loop {
            ready!(timer.as_mut().poll(context));
            let waited = since.elapsed();
            let waited = waited.min(lease.progress().idle().unwrap_or(Duration::MAX));
            if waited >= idle || (waited >= down && lease.backend().is_down()) {
                return Poll::Ready(());
            }
            timer.as_mut().reset(Instant::now() + interval);
        }
    }
}

impl ResponseBody {
    /// Binds the connection to the end of the response that it carries.
    pub(crate) const fn new(body: Incoming, lease: Lease, limits: Limits) -> Self {
        let wait = Wait::new(limits);
        Self { body, ended: false, error: None, lease: Some(lease), wait }
    }

    /// The next frame, after the progress that the connection can make now.
    fn poll_connection(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Polled first, because hyper reads a body only after it was polled.
        let mut polled = Pin::new(&mut self.body).poll_frame(context);
        if let (Poll::Pending, Some(lease)) = (&polled, &mut self.lease) {
            lease.advance(context);
            polled = Pin::new(&mut self.body).poll_frame(context);
        }
        if let (Poll::Pending, Some(lease)) = (&polled, &self.lease) {
            ready!(self.wait.poll_stalled(context, lease));
            return Poll::Ready(Some(Err("no progress in time".into())));
        }
        self.wait.since = None;
        polled.map_err(Into::into)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
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
