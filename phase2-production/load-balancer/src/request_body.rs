//! A request's body on its way to a backend: passed on frame by frame, never buffered.
//!
//! - A body with `Expect: 100-continue` waits until the backend has sent `100 Continue`.
//! - [`Progress`] records since when the backend has had to act, which is the time that a
//!   timeout may count.
//! - If the backend closes the connection during the body, the rest is read and discarded
//!   for a short time. Otherwise a client that is still writing would get a reset instead
//!   of the response.

use crate::backends::Backend;
use crate::config::Limits;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_edge::expectation::expects_continue;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a client's body waits for the backend's `100 Continue`. Some servers send none,
/// so the wait must end (RFC 9110 §10.1.1).
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long the rest of a body may stop while it is read and discarded.
pub(crate) const LINGERING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it is read at most.
const MAX_LINGERING: Duration = Duration::from_secs(10);

/// The state of a request: the party that has to act next.
#[derive(Clone, Copy, Debug)]
enum BodyState {
    /// The body waits for the backend's `100 Continue`.
    AwaitingContinue,
    /// The client has to send the next frame, since this time.
    AwaitingClient(Instant),
    /// The backend has to read the next frame, since this time.
    AwaitingBackend(Instant),
    /// The backend has the whole request and has to respond, since this time.
    AwaitingResponse(Instant),
    /// The client closed the connection or sent an invalid body.
    ClientAborted,
}

/// The party that has not acted in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stalled {
    Client,
    Backend,
}

/// The progress of a request, for readers outside the body.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<BodyState>>);

impl Progress {
    /// Whether the body still waits for `100 Continue`.
    pub(crate) fn awaits_continue(&self) -> bool {
        matches!(*self.state(), BodyState::AwaitingContinue)
    }

    /// Whether the backend has the whole request.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(*self.state(), BodyState::AwaitingResponse(_))
    }

    /// Whether the client aborted the request.
    pub(crate) fn client_aborted(&self) -> bool {
        matches!(*self.state(), BodyState::ClientAborted)
    }

    /// Restarts the backend's time.
    pub(crate) fn restart_clock(&self) {
        let mut state = self.state();
        if let BodyState::AwaitingBackend(since) | BodyState::AwaitingResponse(since) =
            &mut *state
        {
            *since = Instant::now();
        }
    }

    /// Completes when a party has had to act for longer than its limit.
    pub(crate) async fn stalled(&self, limits: &Limits, backend: &Backend) -> Stalled {
        loop {
            let state = *self.state();
            let (limit, party) = match state {
                BodyState::AwaitingResponse(_) => (limits.head, Stalled::Backend),
                BodyState::AwaitingBackend(_) => {
                    (limits.head.min(limits.idle), Stalled::Backend)
                }
                BodyState::AwaitingClient(_)
                | BodyState::AwaitingContinue
                | BodyState::ClientAborted => (limits.idle, Stalled::Client),
            };
            // A client that has aborted, or may not send yet, is not late.
            let waited = state.since().map_or(Duration::ZERO, |since| since.elapsed());
            if waited >= limits.down && backend.is_down() {
                return Stalled::Backend;
            }
            if waited >= limit {
                return party;
            }
            tokio::time::sleep((limit - waited).min(limits.down)).await;
        }
    }

    /// The time since the last frame. `None`: the client may not send, or has aborted.
    pub(crate) fn idle(&self) -> Option<Duration> {
        self.state().since().map(|since| since.elapsed())
    }

    /// Enters `state`. Waiting for the client began with the first look.
    fn set(&self, state: BodyState) {
        let mut current = self.state();
        if let (BodyState::AwaitingClient(_), BodyState::AwaitingClient(_)) =
            (*current, state)
        {
            return;
        }
        *current = state;
    }

    fn state(&self) -> MutexGuard<'_, BodyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyState {
    /// Since when a party has had to act.
    const fn since(self) -> Option<Instant> {
        match self {
            Self::AwaitingClient(since)
            | Self::AwaitingBackend(since)
            | Self::AwaitingResponse(since) => Some(since),
            Self::AwaitingContinue | Self::ClientAborted => None,
        }
    }
}

/// The body of a request to a backend.
pub(crate) struct RequestBody {
    /// `None` once it has ended.
    body: Option<Incoming>,
    /// Completes when the body may be sent.
    permission: Option<BoxFuture<'static, ()>>,
    progress: Progress,
}

impl RequestBody {
    /// Makes `body` the body of a request with these headers. `version` is the client's.
    pub(crate) fn request(
        version: Version,
        headers: HeaderMap,
        body: Incoming,
    ) -> (Request<Self>, Progress) {
        let waits = expects_continue(version, &headers) && !body.is_end_stream();
        let state = if waits { BodyState::AwaitingContinue } else { awaiting(&body) };
        let progress = Progress(Arc::new(Mutex::new(state)));
        let continued = CancellationToken::new();
        let permission = waits.then(|| permission(continued.clone()));
        let body = Some(body);
        let mut request =
            Request::new(Self { body, permission, progress: progress.clone() });
        *request.headers_mut() = headers;
        if waits {
            hyper::ext::on_informational(&mut request, move |reply| {
                if reply.status() == StatusCode::CONTINUE {
                    continued.cancel();
                }
            });
        }
        (request, progress)
    }
}

/// The state in which the backend has to act.
fn awaiting(rest: &Incoming) -> BodyState {
    let now = Instant::now();
    if rest.is_end_stream() {
        BodyState::AwaitingResponse(now)
    } else {
        BodyState::AwaitingBackend(now)
    }
}

/// Completes when the backend has sent `100 Continue`, or after the timeout.
fn permission(continued: CancellationToken) -> BoxFuture<'static, ()> {
    async move {
        let _timed_out =
            tokio::time::timeout(CONTINUE_TIMEOUT, continued.cancelled()).await;
    }
    .boxed()
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(permission) = &mut self.permission {
            ready!(permission.poll_unpin(context));
            self.permission = None;
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        // The first poll makes hyper send `100 Continue` to the client.
        let polled = Pin::new(&mut *body).poll_frame(context);
        // Trailers end the body. hyper polls no further after them, so a later `None` would
        // not be seen.
        let has_trailers =
            matches!(&polled, Poll::Ready(Some(Ok(frame))) if frame.is_trailers());
        let state = match &polled {
            Poll::Pending => BodyState::AwaitingClient(Instant::now()),
            Poll::Ready(Some(Ok(_))) if has_trailers => {
                BodyState::AwaitingResponse(Instant::now())
            }
            Poll::Ready(Some(Ok(_))) => awaiting(body),
            Poll::Ready(Some(Err(_))) => BodyState::ClientAborted,
            Poll::Ready(None) => BodyState::AwaitingResponse(Instant::now()),
        };
        self.progress.set(state);
        if has_trailers || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // A client that waits for `100 Continue` sends nothing.
        if self.is_end_stream() || self.permission.is_some() {
            return;
        }
        if let Some(rest) = self.body.take() {
            discard(rest);
        }
    }
}

/// Reads the rest of a body that is not needed, as long as it arrives and for a limited time.
pub(crate) fn discard(mut rest: Incoming) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let discarding = async move {
        while let Ok(Some(Ok(_discarded))) =
            tokio::time::timeout(LINGERING_TIMEOUT, rest.frame()).await
        {}
    };
    runtime.spawn(tokio::time::timeout(MAX_LINGERING, discarding));
}
