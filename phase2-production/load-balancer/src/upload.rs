//! A request's body on its way to a backend: passed on frame by frame, never collected.
//!
//! Three things happen beside the passing on. A client that asked for `100 Continue`
//! is held until the backend has said it. The time is kept at which the backend came to
//! owe the next step, which is what a timeout may be counted from. And when a backend
//! breaks off in the middle, the rest is read and thrown away for a while, because a
//! client that is still writing would get a reset in place of our answer.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a client's body waits for the backend's `100 Continue`. Not every server
/// sends one, so nobody may wait for ever (RFC 9110 §10.1.1).
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the rest of a body is taken when nobody wants it any more.
pub(crate) const LINGER: Duration = Duration::from_secs(2);

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// The body waits for the backend's `100 Continue`.
    Held,
    /// The client has to send the next part.
    Client,
    /// The backend has to take the next part.
    Backend(Instant),
    /// The backend has everything and has to answer.
    Answer(Instant),
    /// Nobody's: the client broke off.
    Broken,
}

/// Whose turn it is, as seen from outside the body.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<Turn>>);

impl Progress {
    /// Whether not a byte of the body was asked for.
    pub(crate) fn is_held(&self) -> bool {
        matches!(*self.turn(), Turn::Held)
    }

    /// Whether the backend has been given everything.
    pub(crate) fn is_over(&self) -> bool {
        matches!(*self.turn(), Turn::Answer(_))
    }

    /// Whether the client broke off.
    pub(crate) fn client_broke(&self) -> bool {
        matches!(*self.turn(), Turn::Broken)
    }

    /// The backend's time begins now.
    pub(crate) fn begin(&self) {
        let mut turn = self.turn();
        if let Turn::Backend(since) | Turn::Answer(since) = &mut *turn {
            *since = Instant::now();
        }
    }

    /// Ends when the backend has owed the next step for `limit`. The time that a slow
    /// client takes is not the backend's.
    pub(crate) async fn backend_is_late(&self, limit: Duration) {
        loop {
            let left = match *self.turn() {
                Turn::Backend(since) | Turn::Answer(since) => {
                    limit.saturating_sub(since.elapsed())
                }
                Turn::Held | Turn::Client | Turn::Broken => limit,
            };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }

    fn set(&self, turn: Turn) {
        *self.turn() = turn;
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request to a backend.
pub(crate) struct Upload {
    /// `None` once it has ended.
    body: Option<Incoming>,
    permission: Option<BoxFuture<'static, ()>>,
    progress: Progress,
}

impl Upload {
    /// Makes `body` the body of a request with these headers.
    pub(crate) fn request(
        headers: HeaderMap,
        body: Incoming,
    ) -> (Request<Self>, Progress) {
        let held = expects_continue(&headers) && !body.is_end_stream();
        let turn = if held { Turn::Held } else { backends_turn(&body) };
        let progress = Progress(Arc::new(Mutex::new(turn)));
        let said = CancellationToken::new();
        let permission = held.then(|| permission(said.clone()));
        let body = Some(body);
        let mut request =
            Request::new(Self { body, permission, progress: progress.clone() });
        *request.headers_mut() = headers;
        if held {
            hyper::ext::on_informational(&mut request, move |reply| {
                if reply.status() == StatusCode::CONTINUE {
                    said.cancel();
                }
            });
        }
        (request, progress)
    }
}

fn backends_turn(rest: &Incoming) -> Turn {
    let now = Instant::now();
    if rest.is_end_stream() { Turn::Answer(now) } else { Turn::Backend(now) }
}

fn expects_continue(headers: &HeaderMap) -> bool {
    let expected = headers.get(header::EXPECT);
    expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Ends when the backend has said `100 Continue`, or has not for too long.
fn permission(said: CancellationToken) -> BoxFuture<'static, ()> {
    async move {
        let _said_or_not = tokio::time::timeout(PATIENCE, said.cancelled()).await;
    }
    .boxed()
}

impl Body for Upload {
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
        // Asking for the first frame is what makes hyper send our own `100 Continue`.
        let polled = Pin::new(&mut *body).poll_frame(context);
        let turn = match &polled {
            Poll::Pending => Turn::Client,
            Poll::Ready(Some(Ok(_))) => backends_turn(body),
            Poll::Ready(Some(Err(_))) => Turn::Broken,
            Poll::Ready(None) => Turn::Answer(Instant::now()),
        };
        self.progress.set(turn);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
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

impl Drop for Upload {
    fn drop(&mut self) {
        // What was never asked for is not on its way.
        if self.is_end_stream() || self.permission.is_some() {
            return;
        }
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(rest), Ok(runtime)) = (self.body.take(), runtime) {
            runtime.spawn(tokio::time::timeout(LINGER, discard(rest)));
        }
    }
}

async fn discard(mut rest: Incoming) {
    while let Some(Ok(_unwanted)) = rest.frame().await {}
}
