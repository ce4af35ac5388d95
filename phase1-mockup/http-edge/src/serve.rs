//! The life of a listening process: accept, serve, stop accepting, drain, end.
//!
//! `axum::serve` 0.8 has no header timeout, so an incomplete request would hold a connection
//! for ever (slowloris). This module runs hyper with its timer.

use crate::accept::{Accept, Plain};
use crate::health::Readiness;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// How long a client may take to send a request's headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may read nothing of a response that is ready. A client that has
/// paused a download can resume it with `Range`.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The address of the connection's peer; in each request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// How a process drains before it stops.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Ended first, so that health checks notice it.
    pub readiness: Readiness,
    /// How long to go on accepting after that.
    pub grace: Duration,
    /// How long requests in flight may then take. The connections of later ones are closed.
    pub deadline: Duration,
}

impl Drain {
    /// The drain that a server's flags describe.
    #[must_use]
    pub const fn of(args: &crate::args::EdgeArgs, readiness: Readiness) -> Self {
        Self { readiness, grace: args.drain_grace(), deadline: args.drain_deadline() }
    }
}

/// Serves `service` on `listener` until `shutdown` ends, then drains. Returns when the
/// last connection is closed or the deadline has passed.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    drain: Drain,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    serve_with(listener, Plain, service, drain, shutdown).await;
}

/// As [`serve`], on streams that `accept` prepares. A connection that is not yet accepted
/// when the drain begins is closed.
pub async fn serve_with<S, B>(
    listener: TcpListener,
    accept: impl Accept,
    service: S,
    drain: Drain,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = Connections::default();
    let accepting = async {
        loop {
            let (stream, peer) = next_connection(&listener).await;
            connections.spawn(stream, peer, accept.clone(), service.clone());
        }
    };
    let stopping = async {
        shutdown.await;
        drain.readiness.drain();
        tokio::time::sleep(drain.grace).await;
    };
    tokio::select! {
        () = accepting => {}
        () = stopping => {}
    }
    drop(listener);
    connections.finish(drain.deadline).await;
}

/// The next connection. If the process runs out of file descriptors, it waits until a
/// connection closes.
async fn next_connection(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(connection) => return connection,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The open connections, each a task.
#[derive(Default)]
struct Connections {
    tasks: TaskTracker,
    /// Finish the request in flight, then close.
    finish: CancellationToken,
    /// Close now.
    abort: CancellationToken,
}

impl Connections {
    fn spawn<S, B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        accept: impl Accept,
        service: S,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Without this, small replies wait for the client's delayed acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        let (finish, abort) = (self.finish.clone(), self.abort.clone());
        self.tasks.spawn(async move {
            let accepted = tokio::select! {
                // A plain connection is accepted even if the drain has begun.
                biased;
                accepted = accept.accept(stream) => accepted,
                () = finish.cancelled() => return,
            };
            match accepted {
                Ok(stream) => {
                    serve_connection(stream, peer, service, finish, abort).await
                }
                Err(error) => tracing::debug!(%peer, %error, "connection not accepted"),
            }
        });
    }

    async fn finish(self, deadline: Duration) {
        self.tasks.close();
        self.finish.cancel();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests in flight at the drain deadline are aborted");
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Serves one connection until it ends, is finished or aborted.
async fn serve_connection<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    mut service: S,
    finish: CancellationToken,
    abort: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let service = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        service.call(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(
            TokioIo::new(Box::pin(stream)),
            TowerToHyperService::new(service),
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    // A connection is aborted only after it was asked to finish.
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = abort.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::sleep;

    /// Requests 100 kB on a connection with a buffer of 1 kB; `client` reads the response.
    async fn serve_to(client: impl AsyncFnOnce(DuplexStream)) {
        let (mut client_end, server_end) = tokio::io::duplex(1024);
        let long = tower::service_fn(|_| async {
            Ok(Response::new(http_body_util::Full::new(Bytes::from(vec![0; 100_000]))))
        });
        let (never, peer) = (CancellationToken::new(), ([127, 0, 0, 1], 1).into());
        let serving = serve_connection(server_end, peer, long, never.clone(), never);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        client_end.write_all(request).await.unwrap();
        tokio::join!(serving, client(client_end));
    }

    #[tokio::test(start_paused = true)]
    async fn client_that_reads_nothing_is_disconnected() {
        serve_to(async |mut client| {
            sleep(WRITE_TIMEOUT + Duration::from_secs(1)).await;
            let mut buffered = Vec::new();
            client.read_to_end(&mut buffered).await.unwrap();
            assert!(buffered.len() < 10_000, "{} bytes", buffered.len());
        })
        .await;
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
