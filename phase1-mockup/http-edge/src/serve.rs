//! The life of a listening process: accept, serve, stop accepting, drain, end.
//!
//! `axum::serve` 0.8 has no header timeout, so an incomplete request would hold a connection
//! for ever (slowloris). This module runs hyper with its timer.

use crate::accept::{Accept, Plain};
use crate::connection::{Accepted, serve_connection};
use crate::head_limits::HeadLimits;
use crate::health::Readiness;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use socket2::SockRef;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

/// The bytes that a socket keeps unsent: see [`limit_unsent`].
const MAX_UNSENT: u32 = 64 * 1024;

/// How long a connection without a request stays open after the last one was accepted.
const LAST_REQUEST_TIME: Duration = Duration::from_millis(100);

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

/// Serves `service` on `listener` until `shutdown` ends, then drains. From then on every reply
/// announces the close of its connection (RFC 9112 §9.6). Returns when the last connection is
/// closed or the deadline has passed.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    drain: Drain,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    serve_with(listener, Plain, HeadLimits::SERVER, service, drain, shutdown).await;
}

/// As [`serve`], on streams that `accept` prepares, and with these limits of a head. A
/// connection that is not yet accepted when the drain begins is closed.
pub async fn serve_with<S, B>(
    listener: TcpListener,
    accept: impl Accept,
    limits: HeadLimits,
    service: S,
    drain: Drain,
    shutdown: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let connections = Connections::new(limits);
    let accepting = async {
        loop {
            let (stream, peer) = next_connection(&listener).await;
            connections.spawn(stream, peer, accept.clone(), service.clone());
        }
    };
    let stopping = async {
        shutdown.await;
        drain.readiness.drain();
        connections.drain.cancel();
        tokio::time::sleep(drain.grace).await;
    };
    tokio::select! {
        () = accepting => {}
        () = stopping => {}
    }
    drop(listener);
    // The client that was accepted last has its request on the way. Without this it would get
    // a closed connection instead of a reply.
    tokio::time::sleep(LAST_REQUEST_TIME).await;
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

/// Limits the bytes that the socket has taken and not sent yet, on systems that can do that.
///
/// Linux reports a full socket as writable again when a third of its buffer is free. That is
/// up to a megabyte, and a steady reader of 10 kB/s needs longer for it than a write or an
/// idle timeout lasts. With this limit it is writable again when half of the limit is sent.
pub fn limit_unsent(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _best_effort = socket.set_tcp_notsent_lowat(MAX_UNSENT);
}

/// The open connections, each a task.
struct Connections {
    tasks: TaskTracker,
    limits: HeadLimits,
    /// Close each connection after its next reply.
    drain: CancellationToken,
    /// Finish the request in flight, then close.
    finish: CancellationToken,
    /// Close now.
    abort: CancellationToken,
}

impl Connections {
    fn new(limits: HeadLimits) -> Self {
        Self {
            tasks: TaskTracker::new(),
            limits,
            drain: CancellationToken::new(),
            finish: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }

    fn spawn<A, S, B>(&self, stream: TcpStream, peer: SocketAddr, accept: A, service: S)
    where
        A: Accept,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Without this, small replies wait for the client's delayed acknowledgement.
        let _best_effort = stream.set_nodelay(true);
        limit_unsent(&stream);
        let service = Closing { service, drain: self.drain.clone() };
        let (finish, abort) = (self.finish.clone(), self.abort.clone());
        let limits = self.limits;
        self.tasks.spawn(async move {
            let accepted = tokio::select! {
                // A plain connection is accepted even if the drain has begun.
                biased;
                accepted = accept.accept(stream) => accepted,
                () = finish.cancelled() => return,
            };
            match accepted {
                Ok(stream) => {
                    let accepted = Accepted { stream, socket: A::socket, peer };
                    serve_connection(accepted, service, limits, finish, abort).await;
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

/// A service whose replies announce the close of their connection while the process drains. A
/// client or balancer with a pool then opens its next connection elsewhere.
#[derive(Clone)]
struct Closing<S> {
    service: S,
    drain: CancellationToken,
}

impl<S, B> Service<Request<Incoming>> for Closing<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let (reply, drain) = (self.service.call(request), self.drain.clone());
        Box::pin(async move {
            let mut reply = reply.await?;
            // A tunnel is no reply after which a connection could close.
            if drain.is_cancelled() && reply.status() != StatusCode::SWITCHING_PROTOCOLS {
                reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(reply)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// Only what the client's buffer holds is sent, and little more is taken.
    #[tokio::test]
    async fn full_socket_keeps_few_unsent_bytes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        limit_unsent(&stream);
        let (chunk, mut taken) = ([0; 16 * 1024], 0);
        let time = Duration::from_millis(200);
        while let Ok(written) = tokio::time::timeout(time, stream.write(&chunk)).await {
            taken += written.unwrap();
            assert!(taken < 1_500_000, "{taken} bytes");
        }
    }
}
