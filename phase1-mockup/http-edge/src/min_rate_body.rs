//! A request body with a read timeout and a minimum data rate.
//!
//! `serve` limits the time for the headers. Without a limit for the body, a client that
//! sends a byte now and then holds a connection and a handler for ever (slow POST).

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONNECTION;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// Longest time between two frames of a request body.
pub const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// Waiting time before the data rate is checked.
const GRACE_PERIOD: Duration = Duration::from_secs(30);

/// Bytes a second. A client below this rate is hostile or gone.
const MIN_RATE: u64 = 256;

/// The client exceeded the read timeout or stayed below the minimum rate.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body arrived too slowly")]
pub(crate) struct TooSlow;

impl TooSlow {
    /// The error of a body, whose reached limit is logged.
    fn error(limit: &'static str, time: Duration) -> axum::Error {
        let ms = time.as_millis();
        tracing::warn!(limit, ms, "a time limit was reached");
        axum::Error::new(Self)
    }

    /// The refusal, after which the connection is closed (RFC 9110 §15.5.9).
    pub(crate) fn refusal() -> Refusal {
        Refusal::new(ProblemKind::RequestTimeout)
            .detail("The body did not arrive in time. Send the request again.")
            .header(CONNECTION, HeaderValue::from_static("close"))
    }
}

/// A body with a minimum rate. Only time spent waiting for the client counts, not time in
/// which the server does not read.
#[derive(Debug)]
pub(crate) struct MinRateBody {
    body: Body,
    received: u64,
    waited: Duration,
    /// The start of the current wait, and the timer that ends it.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl MinRateBody {
    pub(crate) const fn new(body: Body) -> Self {
        Self { body, received: 0, waited: Duration::ZERO, waiting: None }
    }

    fn is_too_slow(&self) -> bool {
        self.waited > GRACE_PERIOD && self.received < self.waited.as_secs() * MIN_RATE
    }
}

impl HttpBody for MinRateBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            let (_, timer) = self.waiting.get_or_insert_with(|| {
                let now = Instant::now();
                (now, Box::pin(sleep_until(now + READ_TIMEOUT)))
            });
            ready!(timer.as_mut().poll(context));
            return Poll::Ready(Some(Err(TooSlow::error("request body", READ_TIMEOUT))));
        };
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        if let Some(Ok(data)) = &frame {
            self.received += data.data_ref().map_or(0, |data| data.len() as u64);
            if self.is_too_slow() {
                let error = TooSlow::error("request body rate", self.waited);
                return Poll::Ready(Some(Err(error)));
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
    use crate::captured_log::log_of;
    use futures_util::{StreamExt, stream};
    use http_body_util::BodyExt;

    fn one_byte_every(pause: Duration) -> Body {
        Body::from_stream(stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b"x"))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn body_without_data_times_out_and_is_logged() {
        let log = log_of(async {
            let silent =
                Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>());
            assert!(MinRateBody::new(silent).collect().await.is_err());
        });
        let log = log.await;
        assert!(log.contains("WARN"), "{log}");
        assert!(log.contains("limit=\"request body\""), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn body_below_minimum_rate_is_an_error() {
        let dripping = one_byte_every(Duration::from_secs(5));
        assert!(MinRateBody::new(dripping).collect().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_does_not_count_against_client() {
        let mut body = MinRateBody::new(Body::from_stream(stream::iter(
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
