//! One request on one connection, up to the head of the response; and the kinds of failure.
//!
//! The rule: a request is sent again only if nothing of it was sent. A refused connection
//! shows that; so does hyper returning the request unsent. A lost or silent connection does
//! not: the backend may have carried the request out.

use crate::backends::{Backend, InFlight};
use crate::config::Limits;
use crate::metrics::FailureReason;
use crate::pool::{Connection, Outbound, SendError};
use crate::request_body::{LINGERING_TIMEOUT, Progress};
use http::Response;
use hyper::body::Incoming;
use std::sync::Arc;
use std::task::Context;

/// Why a backend gave no response. It decides whether another backend may get the request.
pub(crate) enum Failure {
    /// Nothing was sent. The request is returned, for another backend.
    Unsent(Outbound, String),
    /// The connection was lost. Never retried: the request may have been carried out.
    ConnectionLost(String),
    /// The response did not begin in time. Never retried, for the same reason.
    Timeout,
    /// The client aborted its body. Not a failure of the backend, and not retried.
    ClientAborted,
}

impl Failure {
    /// The reason to count; `None` if the backend did not fail.
    pub(crate) const fn reason(&self) -> Option<FailureReason> {
        match self {
            Self::Unsent(..) => Some(FailureReason::Connect),
            Self::ConnectionLost(_) => Some(FailureReason::ConnectionLost),
            Self::Timeout => Some(FailureReason::Timeout),
            Self::ClientAborted => None,
        }
    }
}

/// A connection in use, with everything that ends with that use.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Connection,
    backend: Arc<Backend>,
    progress: Progress,
    in_flight: InFlight,
}

/// Sends `request` to `backend`, over a pooled connection if there is one.
pub(crate) async fn exchange(
    backend: &Arc<Backend>,
    mut request: Outbound,
    progress: &Progress,
    limits: &Limits,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let in_flight = backend.begin();
    let lease = |connection| {
        let (backend, progress) = (Arc::clone(backend), progress.clone());
        Lease { connection, backend, progress, in_flight }
    };
    while let Some(mut connection) = backend.pool().take() {
        match send(&mut connection, request, progress, limits).await {
            Ok(reply) => return Ok((reply, lease(connection))),
            // The backend closed the idle connection, which is no sign of bad health.
            Err(Failure::Unsent(unsent, _closed)) => request = unsent,
            Err(failure) => return Err(failure),
        }
    }
    let mut connection = match Connection::open(backend.address(), limits.connect).await {
        Ok(connection) => connection,
        Err(error) => return Err(Failure::Unsent(request, error.to_string())),
    };
    let reply = send(&mut connection, request, progress, limits).await?;
    Ok((reply, lease(connection)))
}

async fn send(
    connection: &mut Connection,
    request: Outbound,
    progress: &Progress,
    limits: &Limits,
) -> Result<Response<Incoming>, Failure> {
    progress.restart_clock();
    let sent = tokio::select! {
        biased;
        sent = connection.send(request) => sent,
        () = progress.backend_timeout(limits.head) => return Err(Failure::Timeout),
    };
    let reply = sent.map_err(|error| match error {
        SendError::Unsent(request, error) => Failure::Unsent(request, error.to_string()),
        SendError::Broken(_) if progress.client_aborted() => Failure::ClientAborted,
        SendError::Broken(error) => Failure::ConnectionLost(error.to_string()),
    })?;
    if !progress.is_sent() {
        // A client may read the response only after it has sent everything. The rest of
        // the request must not wait for it.
        connection.spawn_driver();
    }
    Ok(reply)
}

impl Lease {
    /// Whether the backend responded without asking for the body.
    pub(crate) fn body_was_not_requested(&self) -> bool {
        self.progress.awaits_continue()
    }

    /// Makes the progress that is possible now, and wakes the caller when more is.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        self.connection.advance(context);
    }

    /// Lets the connection go on without a reader of the response.
    pub(crate) fn spawn_driver(&mut self) {
        self.connection.spawn_driver();
    }

    /// Counts a response that was aborted after its head. The client can only be told by
    /// aborting the response to it, too.
    pub(crate) fn note_abort(&self, error: &hyper::Error) {
        let backend = self.backend.id();
        tracing::warn!(backend, %error, "{backend} aborted its response: {error}");
        self.backend.count_failure(FailureReason::ResponseAborted);
    }

    /// Ends the use after a complete response. The connection is pooled if the request is
    /// complete too. A backend that responded early may read the rest for a short time.
    pub(crate) fn give_back(self) {
        let Self { mut connection, backend, progress, in_flight } = self;
        drop(in_flight);
        if progress.awaits_continue() {
            return;
        }
        if connection.is_free_now() {
            backend.pool().put(connection);
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let free =
                tokio::time::timeout(LINGERING_TIMEOUT, connection.is_free()).await;
            if free == Ok(true) {
                backend.pool().put(connection);
            }
        });
    }
}
