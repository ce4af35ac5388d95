//! The limit on open connections: so many of clients, and as many to backends. The
//! descriptors beyond are kept for health checks and the admin listener, which must work
//! when clients have taken everything else.

use crate::metrics::Overload;
use crate::{raw_refusal, refusals};
use anyhow::bail;
use http::HeaderValue;
use http_edge::accept::Accept;
use http_edge::descriptors::descriptor_limit;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Descriptors that connections of clients and to backends leave free.
const RESERVED_DESCRIPTORS: u64 = 32;

/// The largest default, whatever the descriptor limit is: each connection costs memory, too.
const MAX_DEFAULT: u64 = 50_000;

/// Refused clients that get a response at the same time; further ones are disconnected.
const MAX_REFUSALS: usize = 8;

/// How long a refused client may take to send its request.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Permits for connections.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    clients: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    backends: Arc<Semaphore>,
    overload: Overload,
    /// The balancer's name, for the responses to refused clients.
    served_by: HeaderValue,
}

impl Connections {
    /// The limit of `--max-connections`, or the default for this process.
    ///
    /// # Errors
    /// When the process may not open enough descriptors.
    pub(crate) fn new(
        max: Option<u32>,
        overload: Overload,
        served_by: &HeaderValue,
    ) -> anyhow::Result<Self> {
        let limit = descriptor_limit();
        let possible = (limit.saturating_sub(RESERVED_DESCRIPTORS) / 2).max(1);
        let max = match max.map(u64::from) {
            Some(max) if max > possible => bail!(
                "--max-connections {max}: with {limit} open descriptors, at most {possible} \
                 are possible. Raise the limit (ulimit -n {}), or give a smaller number",
                max * 2 + RESERVED_DESCRIPTORS
            ),
            Some(max) => max,
            None => possible.min(MAX_DEFAULT),
        };
        let permits = || {
            let permits = usize::try_from(max).unwrap_or(usize::MAX);
            Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)))
        };
        let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
        let (clients, backends) = (permits(), permits());
        Ok(Self { clients, refusals, backends, overload, served_by: served_by.clone() })
    }

    /// Limits the connections that `inner` accepts.
    pub(crate) fn limit<A>(&self, inner: A) -> LimitedAccept<A> {
        LimitedAccept { inner, connections: self.clone() }
    }

    /// The permit for a connection to a backend. `None`: as many are open as may be.
    pub(crate) fn backend_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.backends).try_acquire_owned().ok()
    }
}

/// Accepts connections up to the limit, and refuses further ones with 503.
#[derive(Clone)]
pub(crate) struct LimitedAccept<A> {
    inner: A,
    connections: Connections,
}

impl<A: Accept + Sync> Accept for LimitedAccept<A> {
    type Stream = Permitted<A::Stream>;

    async fn accept(&self, stream: TcpStream) -> io::Result<Self::Stream> {
        let Ok(permit) = Arc::clone(&self.connections.clients).try_acquire_owned() else {
            self.refuse(stream).await?;
            return Err(io::Error::other("more than --max-connections"));
        };
        Ok(Permitted { stream: self.inner.accept(stream).await?, _permit: permit })
    }

    fn socket(stream: &Self::Stream) -> Option<&TcpStream> {
        A::socket(&stream.stream)
    }
}

impl<A: Accept + Sync> LimitedAccept<A> {
    async fn refuse(&self, stream: TcpStream) -> io::Result<()> {
        self.connections.overload.clients.increment(1);
        tracing::info!(
            "client refused: as many connections as --max-connections are open"
        );
        let Ok(_one_of_few) = self.connections.refusals.try_acquire() else {
            return Ok(());
        };
        let refusal = async {
            let stream = self.inner.accept(stream).await?;
            let served_by = &self.connections.served_by;
            raw_refusal::refuse(stream, refusals::overloaded(), served_by).await
        };
        tokio::time::timeout(REFUSAL_TIMEOUT, refusal)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// A client's stream, which holds a permit until it is closed.
#[derive(Debug)]
pub(crate) struct Permitted<S> {
    stream: S,
    _permit: OwnedSemaphorePermit,
}

impl<S: AsyncRead + Unpin> AsyncRead for Permitted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Permitted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
