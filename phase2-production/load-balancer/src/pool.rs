//! Connections to one backend, kept for the next request.
//!
//! Invariant: a pooled connection has no request on it and is owned by the pool alone.
//! A caller that takes it out owns it, and dropping it closes it.

mod stream;

use crate::driver::Driver;
use crate::request_body::RequestBody;
use http::{Request, Response};
use http_edge::connection::HEADER_TIMEOUT;
use http_edge::serve::limit_unsent;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
pub(crate) use stream::BackendStream;
use stream::WriteFailed;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// A connection idle for longer is not used again. The replicas close theirs after
/// [`HEADER_TIMEOUT`]. A limit well below that keeps a request from crossing the close on
/// the wire, after which it would be unknown whether the request was received.
const IDLE_TIMEOUT: Duration = Duration::from_secs(HEADER_TIMEOUT.as_secs() / 2);

/// Idle connections kept to one backend; further ones are closed.
const MAX_IDLE: usize = 64;

/// A request to a backend. Boxed, because the error returns it if nothing was sent.
pub(crate) type Outbound = Box<Request<RequestBody>>;

/// One HTTP/1.1 connection to a backend.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<RequestBody>,
    driver: Driver,
    write_failed: WriteFailed,
    _permit: OwnedSemaphorePermit,
}

/// Why a connection gave no response.
pub(crate) enum SendError {
    /// The connection was already closed: nothing was sent. May be sent to another backend.
    Unsent(Outbound, hyper::Error),
    /// The request may have been sent. Must not be sent again.
    Broken(hyper::Error),
}

impl Connection {
    /// Opens a connection. No request is sent.
    pub(crate) async fn open(
        address: SocketAddr,
        limit: Duration,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<Self> {
        let stream = tokio::time::timeout(limit, TcpStream::connect(address)).await??;
        // Without this, small requests wait for the backend's delayed acknowledgement.
        stream.set_nodelay(true)?;
        // So that a backend that reads slowly shows progress within the idle timeout.
        limit_unsent(&stream);
        let (stream, write_failed) = BackendStream::new(stream);
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let driver = Driver::of(connection);
        Ok(Self { sender, driver, write_failed, _permit: permit })
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// hyper returns a request only if it has written nothing of it. A second attempt
    /// relies on that.
    pub(crate) async fn send(
        &mut self,
        request: Outbound,
    ) -> Result<Response<Incoming>, SendError> {
        let Self { sender, driver, .. } = self;
        let mut sent = pin!(sender.try_send_request(*request));
        let sent = poll_fn(|context| {
            driver.advance(context);
            sent.as_mut().poll(context)
        });
        sent.await.map_err(|mut error: TrySendError<_>| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request), error.into_error()),
            None => SendError::Broken(error.into_error()),
        })
    }

    /// Makes the progress that is possible now, and wakes the caller when more is.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        self.driver.advance(context);
    }

    /// Lets the connection go on without a reader of the response.
    pub(crate) fn spawn_driver(&mut self) {
        self.driver.spawn();
    }

    /// Whether the backend has stopped reading. Its response can be read; nothing more can be
    /// sent.
    pub(crate) fn is_write_failed(&self) -> bool {
        self.write_failed.get()
    }

    /// Whether the connection can take the next request now.
    pub(crate) fn is_free_now(&mut self) -> bool {
        self.driver.advance(&mut no_waker());
        self.sender.is_ready()
    }

    /// Waits until the exchange is complete in both directions. False: it never will be.
    pub(crate) async fn is_free(&mut self) -> bool {
        let Self { sender, driver, .. } = self;
        let ready = poll_fn(|context| {
            driver.advance(context);
            sender.poll_ready(context)
        });
        ready.await.is_ok()
    }

    /// Whether the backend is known to have closed it.
    fn is_closed(&mut self) -> bool {
        self.driver.advance(&mut no_waker());
        self.sender.is_closed()
    }
}

/// For a connection that no task waits for. Its next user polls it with its own waker.
fn no_waker() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The idle connections to one backend, the most recently used last.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Pool {
    /// The most recently used connection that is still open. The others can then reach
    /// their timeout and be closed.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < IDLE_TIMEOUT && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection without a request.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push((connection, Instant::now()));
        }
    }

    /// Removes connections that were idle for too long or that the backend has closed.
    pub(crate) fn drop_expired(&self) {
        self.lock().retain_mut(|(connection, since)| {
            since.elapsed() < IDLE_TIMEOUT && !connection.is_closed()
        });
    }

    /// Closes the connection that has been idle longest. False: there is none.
    pub(crate) fn close_oldest(&self) -> bool {
        let mut idle = self.lock();
        (!idle.is_empty()).then(|| idle.remove(0)).is_some()
    }

    /// Closes all, because the backend is leaving or lost.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Idle connections.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
