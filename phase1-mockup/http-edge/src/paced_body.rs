//! A request body whose sender may not dawdle.
//!
//! Headers have a time limit of their own in `serve`; without one for the body, a client
//! that sends a byte now and then holds a connection and a handler for ever.

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// The longest silence.
const SILENCE: Duration = Duration::from_secs(15);

/// Waiting that is allowed before the rate is looked at.
const HEAD_START: Duration = Duration::from_secs(30);

/// Bytes a second below which a client is not slow but hostile, or gone.
const SLOWEST: u64 = 256;

/// The sender was silent for too long, or too slow.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(crate) struct TooSlow;

/// The body. Only waiting for the client counts: a server that is slow to ask for more
/// blames nobody.
#[derive(Debug)]
pub(crate) struct PacedBody {
    body: Body,
    received: u64,
    waited: Duration,
    /// Since when this body has been waiting, and the alarm that ends it.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl PacedBody {
    pub(crate) const fn new(body: Body) -> Self {
        Self { body, received: 0, waited: Duration::ZERO, waiting: None }
    }

    fn is_too_slow(&self) -> bool {
        self.waited > HEAD_START && self.received < self.waited.as_secs() * SLOWEST
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            let (_, alarm) = self.waiting.get_or_insert_with(|| {
                let now = Instant::now();
                (now, Box::pin(sleep_until(now + SILENCE)))
            });
            ready!(alarm.as_mut().poll(context));
            return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
        };
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        if let Some(Ok(data)) = &frame {
            self.received += data.data_ref().map_or(0, |data| data.len() as u64);
            if self.is_too_slow() {
                return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    fn paced(body: Body) -> PacedBody {
        PacedBody::new(body)
    }

    fn one_byte_every(pause: Duration) -> Body {
        Body::from_stream(stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_body() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>());
        assert!(paced(silent).collect().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_not_enough() {
        let dripping = one_byte_every(Duration::from_secs(5));
        assert!(paced(dripping).collect().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_server_blames_nobody() {
        let mut body = paced(Body::from_stream(stream::iter(
            (0..20).map(|_| Ok::<_, axum::Error>(Bytes::from_static(b"x"))),
        )));
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            received += frame.unwrap().into_data().unwrap().len();
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        assert_eq!(received, 20);
    }
}
