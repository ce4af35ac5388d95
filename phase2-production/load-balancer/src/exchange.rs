//! One request on one connection, to the head of the reply; and what to think of it
//! when there is none.
//!
//! The one rule: a request is sent again only on proof that nothing of it was sent.
//! A connection that was refused is such a proof; so is hyper handing the request back.
//! A broken or silent connection is not: the backend may have done the work.

use crate::backends::{Backend, InFlight};
use crate::config::Limits;
use crate::pool::{Connection, Outbound, SendError};
use crate::upload::{LINGER, Progress};
use http::Response;
use hyper::body::Incoming;
use std::sync::Arc;
use std::task::Context;

/// Why a backend gave no reply, and with that, whether another may be asked.
pub(crate) enum Failure {
    /// Nothing was sent. The request is here to be sent to another backend.
    Unsent(Outbound, String),
    /// The backend broke off. Never retried: the request may have been carried out.
    Broken(String),
    /// The backend said nothing for too long. Never retried, for the same reason.
    Late,
    /// The client broke off in its body. Not the backend's fault, nor to be retried.
    ClientBroke,
}

/// A connection in use, and what comes to an end with that use.
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
            // The backend closed it while it was idle, which says nothing about health.
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
    progress.begin();
    let sent = tokio::select! {
        biased;
        sent = connection.send(request) => sent,
        () = progress.backend_is_late(limits.head) => return Err(Failure::Late),
    };
    let reply = sent.map_err(|error| match error {
        SendError::Unsent(request, error) => Failure::Unsent(request, error.to_string()),
        SendError::Broken(_) if progress.client_broke() => Failure::ClientBroke,
        SendError::Broken(error) => Failure::Broken(error.to_string()),
    })?;
    if !progress.is_over() {
        // The rest of the request must not wait for a client who does not read the reply
        // before it has sent everything.
        connection.go_on_alone();
    }
    Ok(reply)
}

impl Lease {
    /// Whether the backend answered without wanting the body.
    pub(crate) fn body_was_not_wanted(&self) -> bool {
        self.progress.is_held()
    }

    /// Moves what can be moved now, and wakes the caller when more can be.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        self.connection.advance(context);
    }

    /// From here on the connection goes on whether or not anybody asks for the reply.
    pub(crate) fn go_on_alone(&mut self) {
        self.connection.go_on_alone();
    }

    /// The reply broke off after its head: too late to tell the client otherwise than
    /// by breaking off too.
    pub(crate) fn note_break(&self, error: &hyper::Error) {
        let backend = self.backend.id();
        tracing::warn!(backend, %error, "{backend} broke off in its reply: {error}");
        self.backend.count_failure();
    }

    /// Ends the use after a complete reply. The connection is kept if the request is
    /// over too; a backend that has answered early may take the rest for a while.
    pub(crate) fn give_back(self) {
        let Self { mut connection, backend, progress, in_flight } = self;
        drop(in_flight);
        if progress.is_held() {
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
            let free = tokio::time::timeout(LINGER, connection.is_free()).await;
            if free == Ok(true) {
                backend.pool().put(connection);
            }
        });
    }
}
