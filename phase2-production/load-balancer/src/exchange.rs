//! One request on one connection, up to the head of the response; and the kinds of failure.
//!
//! The rule: a request is sent again only if nothing of it was sent. A refused connection
//! shows that; so does hyper returning the request unsent. A lost or silent connection does
//! not: the backend may have carried the request out.

use crate::Balancer;
use crate::backends::{Backend, InFlight};
use crate::config::Limits;
use crate::metrics::FailureReason;
use crate::pool::{Connection, Outbound, SendError};
use crate::request_body::{LINGERING_TIMEOUT, Progress, Stalled};
use http::Response;
use http_edge::descriptors::is_local_failure;
use hyper::body::Incoming;
use std::fmt::Display;
use std::sync::Arc;
use std::task::Context;

/// Why a backend gave no response. It decides whether another backend may get the request.
pub(crate) enum Failure {
    /// Nothing was sent. The request is returned, for another backend.
    Unsent(Outbound, String),
    /// Nothing was sent, because this process or machine has no free descriptor or port. No
    /// finding about the backend.
    Exhausted(Outbound, String),
    /// The connection was lost. Never retried: the request may have been carried out.
    ConnectionLost(String),
    /// The response did not begin in time. Never retried, for the same reason.
    Timeout,
    /// The response is not HTTP, or its framing is not clear. Never retried.
    InvalidResponse(String),
    /// The client aborted its body. Not a failure of the backend, and not retried.
    ClientAborted,
    /// The client sent no more of its body. Not a failure of the backend either.
    ClientStalled,
}

impl Failure {
    /// The reason to count; `None` if the backend did not fail.
    pub(crate) const fn reason(&self) -> Option<FailureReason> {
        match self {
            Self::Unsent(..) => Some(FailureReason::Connect),
            Self::ConnectionLost(_) => Some(FailureReason::ConnectionLost),
            Self::Timeout => Some(FailureReason::Timeout),
            Self::InvalidResponse(_) => Some(FailureReason::InvalidResponse),
            Self::Exhausted(..) | Self::ClientAborted | Self::ClientStalled => None,
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
    /// Whether the connection may carry another request.
    reusable: bool,
}

/// Sends `request` to `backend`, over a pooled connection if there is one.
pub(crate) async fn exchange(
    balancer: &Balancer,
    backend: &Arc<Backend>,
    mut request: Outbound,
    progress: &Progress,
) -> Result<(Response<Incoming>, Lease), Failure> {
    let (in_flight, limits) = (backend.begin(), balancer.limits());
    let lease = |connection| {
        let (backend, progress) = (Arc::clone(backend), progress.clone());
        Lease { connection, backend, progress, in_flight, reusable: true }
    };
    while let Some(mut connection) = backend.pool().take() {
        match send(backend, &mut connection, request, progress, limits).await {
            Ok(reply) => return Ok((reply, lease(connection))),
            // The backend closed the idle connection, which is no sign of bad health.
            Err(Failure::Unsent(unsent, _closed)) => request = unsent,
            Err(failure) => return Err(failure),
        }
    }
    let Some(permit) = balancer.backend_permit() else {
        let cause = "as many connections as --max-connections are in use".to_owned();
        return Err(exhausted(balancer, request, cause));
    };
    let opened = Connection::open(backend.address(), limits.connect, permit).await;
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(error) if is_local_failure(&error) => {
            return Err(exhausted(balancer, request, error.to_string()));
        }
        Err(error) => return Err(Failure::Unsent(request, error.to_string())),
    };
    let reply = send(backend, &mut connection, request, progress, limits).await?;
    Ok((reply, lease(connection)))
}

/// Counts a connection that this process or machine could not open.
fn exhausted(balancer: &Balancer, request: Outbound, cause: String) -> Failure {
    balancer.metrics().overload.backends.increment(1);
    Failure::Exhausted(request, cause)
}

async fn send(
    backend: &Backend,
    connection: &mut Connection,
    request: Outbound,
    progress: &Progress,
    limits: &Limits,
) -> Result<Response<Incoming>, Failure> {
    progress.restart_clock();
    let sent = tokio::select! {
        biased;
        sent = connection.send(request) => sent,
        stalled = progress.stalled(limits, backend) => return Err(match stalled {
            Stalled::Client => Failure::ClientStalled,
            Stalled::Backend => Failure::Timeout,
        }),
    };
    let reply = sent.map_err(|error| match error {
        SendError::Unsent(request, error) => Failure::Unsent(request, error.to_string()),
        SendError::Broken(_) if progress.client_aborted() => Failure::ClientAborted,
        SendError::Broken(error) if error.is_parse() => {
            Failure::InvalidResponse(error.to_string())
        }
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
    /// The backend that has the request.
    pub(crate) const fn backend(&self) -> &Arc<Backend> {
        &self.backend
    }

    /// The progress of the request's body.
    pub(crate) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Closes the connection after the response.
    pub(crate) const fn forbid_reuse(&mut self) {
        self.reusable = false;
    }

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
    pub(crate) fn note_abort(&self, error: &dyn Display) {
        let backend = self.backend.id();
        tracing::warn!(backend, %error, "{backend} aborted its response: {error}");
        self.backend.count_failure(FailureReason::ResponseAborted);
    }

    /// Ends the use after a complete response. The connection is pooled if the request is
    /// complete too. A backend that responded early may read the rest for a short time.
    pub(crate) fn give_back(self) {
        let Self { mut connection, backend, progress, in_flight, reusable } = self;
        drop(in_flight);
        if !reusable || connection.is_write_failed() || progress.awaits_continue() {
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
