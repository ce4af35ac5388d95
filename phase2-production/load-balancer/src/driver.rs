//! The task that drives a connection to a backend.
//!
//! A connection of hyper makes no progress unless it is polled. Usually a task of its own
//! polls it; each request then wakes that task, which wakes the request's task, often on
//! another core. Here the request's task drives the connection itself. A separate task is
//! spawned only where the connection must go on while no request waits for it.

use crate::pool::BackendStream;
use crate::request_body::RequestBody;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::task::{Context, Poll};
use tokio_util::task::AbortOnDropHandle;

/// Drives a connection. Dropped, it closes the connection.
pub(crate) enum Driver {
    /// The task of the request that uses the connection polls it.
    Inline(BoxFuture<'static, hyper::Result<()>>),
    /// A task of its own polls it.
    Spawned(
        #[expect(dead_code, reason = "dropped, it ends the task")] AbortOnDropHandle<()>,
    ),
    /// The connection has ended, or has become a tunnel.
    Ended,
}

impl Driver {
    /// A driver that begins inline.
    pub(crate) fn of(
        connection: Connection<TokioIo<BackendStream>, RequestBody>,
    ) -> Self {
        Self::Inline(connection.with_upgrades().boxed())
    }

    /// Makes the progress that is possible now. `context` is woken when more is possible,
    /// unless the driver has been spawned.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        if let Self::Inline(connection) = self
            && let Poll::Ready(result) = connection.poll_unpin(context)
        {
            log_end(result);
            *self = Self::Ended;
        }
    }

    /// Moves an inline connection into a task of its own.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn spawn(&mut self) {
        *self = match std::mem::replace(self, Self::Ended) {
            Self::Inline(connection) => {
                let task = tokio::spawn(connection.map(log_end));
                Self::Spawned(AbortOnDropHandle::new(task))
            }
            other => other,
        };
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Inline(_) => "Inline",
            Self::Spawned(_) => "Spawned",
            Self::Ended => "Ended",
        })
    }
}

fn log_end(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(%error, "connection to a backend ended early");
    }
}
