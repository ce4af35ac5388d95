//! The life of a listening process: accept, serve, stop accepting, finish, go.
//!
//! `axum::serve` 0.8 sets no header timeout, so one idle half-request holds a connection
//! for ever (slowloris); here hyper is driven with its timer on.

use crate::door::{Door, Open};
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

/// How long a client may take nothing of a reply that waits for it. Who has paused a
/// download can go on with `Range`.
const LONGEST_STALL: Duration = Duration::from_secs(30);

/// Who is on the other end of the connection; in each request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// How a process stops.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Turned off first, so that health checks see it.
    pub readiness: Readiness,
    /// How long to go on accepting after that.
    pub grace: Duration,
    /// How long requests under way may then take; what is left is cut off.
    pub deadline: Duration,
}

impl Drain {
    /// The drain that a server's flags ask for.
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
    serve_behind(listener, Open, service, drain, shutdown).await;
}

/// As [`serve`], for connections that `door` has let in. One that is still at the door when
/// the drain begins is closed.
pub async fn serve_behind<S, B>(
    listener: TcpListener,
    door: impl Door,
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
    let accept = async {
        loop {
            let (stream, peer) = next_connection(&listener).await;
            connections.spawn(stream, peer, door.clone(), service.clone());
        }
    };
    let told_to_stop = async {
        shutdown.await;
        drain.readiness.drain();
        tokio::time::sleep(drain.grace).await;
    };
    tokio::select! {
        () = accept => {}
        () = told_to_stop => {}
    }
    drop(listener);
    connections.finish(drain.deadline).await;
}

/// The next connection. Running out of file descriptors must not end the server: it
/// waits until some connection closes.
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
    /// Finish the request under way, then close.
    finish: CancellationToken,
    /// Close now.
    cut: CancellationToken,
}

impl Connections {
    fn spawn<S, B>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        door: impl Door,
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
        let (finish, cut) = (self.finish.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            let entered = tokio::select! {
                // An open door is passed before anything else is looked at.
                biased;
                entered = door.enter(stream) => entered,
                () = finish.cancelled() => return,
            };
            match entered {
                Ok(stream) => converse(stream, peer, service, finish, cut).await,
                Err(error) => tracing::debug!(%peer, %error, "connection not let in"),
            }
        });
    }

    async fn finish(self, deadline: Duration) {
        self.tasks.close();
        self.finish.cancel();
        if tokio::time::timeout(deadline, self.tasks.wait()).await.is_err() {
            tracing::warn!("requests still under way at the drain deadline are cut");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

/// Speaks HTTP on one connection until it ends, is finished or cut.
async fn converse<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    mut service: S,
    finish: CancellationToken,
    cut: CancellationToken,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let named = tower::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddress(peer));
        service.call(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(LONGEST_STALL));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(named))
        .with_upgrades();
    let mut connection = pin!(connection);
    // Nobody is cut off who was not asked to finish before.
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = cut.cancelled() => return,
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

    /// Asks for 100 kB on a connection that holds one; what comes of it is for `client`.
    async fn converse_with(client: impl AsyncFnOnce(DuplexStream)) {
        let (mut here, there) = tokio::io::duplex(1024);
        let long = tower::service_fn(|_| async {
            Ok(Response::new(http_body_util::Full::new(Bytes::from(vec![0; 100_000]))))
        });
        let (never, peer) = (CancellationToken::new(), ([127, 0, 0, 1], 1).into());
        let serving = converse(there, peer, long, never.clone(), never);
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        here.write_all(request).await.unwrap();
        tokio::join!(serving, client(here));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_a_reply_is_cut_off() {
        converse_with(async |mut client| {
            sleep(LONGEST_STALL + Duration::from_secs(1)).await;
            let mut on_its_way = Vec::new();
            client.read_to_end(&mut on_its_way).await.unwrap();
            assert!(on_its_way.len() < 10_000, "{} bytes", on_its_way.len());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_reply_slowly_gets_all_of_it() {
        converse_with(async |mut client| {
            let (mut piece, mut taken) = ([0; 1024], 0);
            loop {
                sleep(LONGEST_STALL / 2).await;
                match client.read(&mut piece).await.unwrap() {
                    0 => break,
                    some => taken += some,
                }
            }
            assert!(taken > 100_000, "{taken} bytes");
        })
        .await;
    }
}
