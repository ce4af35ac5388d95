//! One connection: from the first request on it to its close.

use crate::connection_activity::{Activity, ServedBody, Watched};
use crate::head_limits::HeadLimits;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// How long a client may take to send a request's headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of the connection's peer; in each request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// How long a client may read nothing of a response that is ready. A client that has
/// paused a download can resume it with `Range`.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// An accepted connection.
pub(crate) struct Accepted<T> {
    /// The stream on which HTTP is spoken.
    pub(crate) stream: T,
    /// The TCP socket below the stream, if it is known.
    pub(crate) socket: fn(&T) -> Option<&TcpStream>,
    /// The address of the client.
    pub(crate) peer: SocketAddr,
}

/// HTTP/1 with the limits of a request's head.
fn http(limits: HeadLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(limits.bytes)
        .max_buf_size(limits.bytes);
    if limits.fields != HeadLimits::DEFAULT_FIELDS {
        http.max_headers(limits.fields);
    }
    http
}

/// Serves one connection until it ends, is finished or aborted.
pub(crate) async fn serve_connection<T, S, B>(
    accepted: Accepted<T>,
    mut service: S,
    limits: HeadLimits,
    finish: CancellationToken,
    abort: CancellationToken,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Accepted { stream, socket, peer } = accepted;
    let activity = Activity::default();
    let counted = activity.clone();
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        let in_service = counted.begin(&request);
        let reply = service.call(request);
        async move {
            let Ok(reply) = reply.await;
            Ok::<_, Infallible>(ServedBody::reply(reply, in_service))
        }
    });
    let mut stream = TimeoutStream::new(Watched::new(stream, socket, activity.clone()));
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let stream = TokioIo::new(Box::pin(stream));
    let service = TowerToHyperService::new(service);
    let connection = http(limits).serve_connection(stream, service).with_upgrades();
    let mut connection = pin!(connection);
    // A connection is aborted only after it was asked to finish.
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = abort.cancelled() => return activity.break_off(),
                // The rest is an unfinished head.
                () = activity.idle() => return,
            }
        }
    };
    if let Err(error) = ended {
        log_end(&error, peer, &activity);
    }
}

/// Logs why a connection ended early. A reply that the client did not read is broken off.
fn log_end(error: &hyper::Error, peer: SocketAddr, activity: &Activity) {
    if is_write_timeout(error) {
        activity.break_off();
        let ms = WRITE_TIMEOUT.as_millis();
        tracing::warn!(limit = "response write", ms, %peer, "a time limit was reached");
    } else {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

/// Whether [`WRITE_TIMEOUT`] has ended a connection. A timeout of the kernel has a code.
fn is_write_timeout(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        cause.kind() == io::ErrorKind::TimedOut && cause.raw_os_error().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured_log::log_of;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::sleep;

    /// Requests 100 kB on a connection with a buffer of 1 kB; `client` reads the response.
    async fn serve_to(client: impl AsyncFnOnce(DuplexStream)) {
        let (mut client_end, server_end) = tokio::io::duplex(1024);
        let long = tower::service_fn(|_| async {
            Ok(Response::new(http_body_util::Full::new(Bytes::from(vec![0; 100_000]))))
        });
        let (never, peer) = (CancellationToken::new(), ([127, 0, 0, 1], 1).into());
        let accepted = Accepted { stream: server_end, socket: |_| None, peer };
        let limits = HeadLimits::SERVER;
        let serving = serve_connection(accepted, long, limits, never.clone(), never);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        client_end.write_all(request).await.unwrap();
        tokio::join!(serving, client(client_end));
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_reads_nothing_is_disconnected() {
        let log = log_of(serve_to(async |mut client| {
            sleep(WRITE_TIMEOUT + Duration::from_secs(1)).await;
            let mut buffered = Vec::new();
            client.read_to_end(&mut buffered).await.unwrap();
            assert!(buffered.len() < 10_000, "{} bytes", buffered.len());
        }));
        let log = log.await;
        assert!(log.contains("WARN"), "{log}");
        assert!(log.contains("limit=\"response write\""), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn slow_reader_gets_whole_response() {
        serve_to(async |mut client| {
            let (mut chunk, mut received) = ([0; 1024], 0);
            loop {
                sleep(WRITE_TIMEOUT / 2).await;
                match client.read(&mut chunk).await.unwrap() {
                    0 => break,
                    length => received += length,
                }
            }
            assert!(received > 100_000, "{received} bytes");
        })
        .await;
    }
}
