//! Connections to one backend, kept for the next request.
//!
//! Invariant: a pooled connection has no request on it and is owned by the pool alone.
//! Whoever takes it out owns it, and dropping it closes it.

use crate::driver::Driver;
use crate::upload::Upload;
use http::{Request, Response};
use http_edge::serve::HEADER_TIMEOUT;
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
use tokio::net::TcpStream;

/// An idle connection older than this is not used again. The replicas close theirs
/// after [`HEADER_TIMEOUT`]; staying well below it keeps a request from meeting a close
/// on the wire, where nobody could say any more whether it was sent.
const IDLE_LIMIT: Duration = Duration::from_secs(HEADER_TIMEOUT.as_secs() / 2);

/// Idle connections kept to one backend; more are closed when they fall idle.
const MAX_IDLE: usize = 64;

/// A request as it leaves for a backend. Boxed, because it comes back with the error
/// when nothing of it was sent.
pub(crate) type Outbound = Box<Request<Upload>>;

/// One HTTP/1.1 connection to a backend.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Upload>,
    driver: Driver,
}

/// Why a connection brought no reply.
pub(crate) enum SendError {
    /// The connection was already closed: nothing was sent. May be sent elsewhere.
    Unsent(Outbound, hyper::Error),
    /// The request was begun. Must not be sent again.
    Broken(hyper::Error),
}

impl Connection {
    /// Opens a connection; nothing is sent by that.
    pub(crate) async fn open(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let stream = tokio::time::timeout(limit, TcpStream::connect(address)).await??;
        // Without this, small requests wait for the backend's delayed acknowledgement.
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, driver: Driver::of(connection) })
    }

    /// Sends a request and waits for the head of the reply.
    ///
    /// hyper hands a request back only if it never began to write it: that is the proof
    /// on which a second attempt rests.
    pub(crate) async fn send(
        &mut self,
        request: Outbound,
    ) -> Result<Response<Incoming>, SendError> {
        let Self { sender, driver } = self;
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

    /// Moves what can be moved now, and wakes the caller when more can be.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        self.driver.advance(context);
    }

    /// From here on the connection goes on whether or not anybody asks for the reply.
    pub(crate) fn go_on_alone(&mut self) {
        self.driver.go_on_alone();
    }

    /// Whether the next request could be sent now.
    pub(crate) fn is_free_now(&mut self) -> bool {
        self.driver.advance(&mut unwoken());
        self.sender.is_ready()
    }

    /// Waits until the exchange is over in both directions. False: it never will be.
    pub(crate) async fn is_free(&mut self) -> bool {
        let Self { sender, driver } = self;
        let ready = poll_fn(|context| {
            driver.advance(context);
            sender.poll_ready(context)
        });
        ready.await.is_ok()
    }

    /// Whether the backend has closed it, as far as the system has heard.
    fn is_closed(&mut self) -> bool {
        self.driver.advance(&mut unwoken());
        self.sender.is_closed()
    }
}

/// For a look at a connection that nobody is waiting for. Whoever uses it next looks with
/// a waker of their own.
fn unwoken() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// The idle connections to one backend, the latest used last.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<(Connection, Instant)>>,
}

impl Pool {
    /// The connection that was used latest, if it is still good: the others may then
    /// grow old and be closed.
    pub(crate) fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some((mut connection, since)) = idle.pop() {
            if since.elapsed() < IDLE_LIMIT && !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection on which nothing is under way.
    pub(crate) fn put(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push((connection, Instant::now()));
        }
    }

    /// Closes what was idle for too long, and forgets what the backend has closed.
    pub(crate) fn drop_expired(&self) {
        self.lock().retain_mut(|(connection, since)| {
            since.elapsed() < IDLE_LIMIT && !connection.is_closed()
        });
    }

    /// Closes all: the backend is leaving or lost, and so are they.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
