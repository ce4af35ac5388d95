//! Who moves the bytes of a connection to a backend.
//!
//! hyper's connections do nothing by themselves: somebody has to poll them. The usual
//! somebody is a task of its own, and then each request wakes that task, and that task wakes
//! the one that waits for the reply, often on another core. Here whoever waits for the
//! reply moves the bytes itself. Only what must go on without being waited for becomes a task.

use crate::upload::Upload;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::client::conn::http1::Connection;
use hyper_util::rt::TokioIo;
use std::fmt;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// See the module. Dropped, it closes the connection.
pub(crate) enum Driver {
    /// Whoever holds the connection.
    Holder(BoxFuture<'static, hyper::Result<()>>),
    /// A task.
    Task(
        #[expect(dead_code, reason = "dropped, it ends the task")] AbortOnDropHandle<()>,
    ),
    /// The connection has ended, or has become a tunnel.
    Nobody,
}

impl Driver {
    /// The holder of the connection, to begin with.
    pub(crate) fn of(connection: Connection<TokioIo<TcpStream>, Upload>) -> Self {
        Self::Holder(connection.with_upgrades().boxed())
    }

    /// Moves what can be moved now. `context` is woken when more can be, unless a task
    /// takes care of that.
    pub(crate) fn advance(&mut self, context: &mut Context<'_>) {
        if let Self::Holder(connection) = self
            && let Poll::Ready(ended) = connection.poll_unpin(context)
        {
            note(ended);
            *self = Self::Nobody;
        }
    }

    /// A task takes over.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(crate) fn go_on_alone(&mut self) {
        *self = match std::mem::replace(self, Self::Nobody) {
            Self::Holder(connection) => {
                Self::Task(AbortOnDropHandle::new(tokio::spawn(connection.map(note))))
            }
            other => other,
        };
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Holder(_) => "Holder",
            Self::Task(_) => "Task",
            Self::Nobody => "Nobody",
        })
    }
}

fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection to a backend ended early");
    }
}
