//! Whether a connection carries a request, and how it has to be closed. An unfinished head is
//! no request, so a stopping server need not wait for it.

use crate::lingering_body::LINGERING_TIMEOUT;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Between two looks at a connection.
const TICK: Duration = Duration::from_millis(50);

/// Looks in a row that find nothing read, after which a head counts as unfinished.
const QUIET_TICKS: u32 = 4;

/// Looks after which it counts as unfinished although bytes arrive. The rest of a refused
/// body is read for less than this time.
const MAX_TICKS: u32 = 50;

/// The activity of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Requests whose response has not been handed over completely.
    requests: AtomicUsize,
    /// Reads that have brought bytes.
    reads: AtomicU64,
    /// Whether bytes of a response wait for the client.
    writing: AtomicBool,
    /// Whether bytes of the client may be unread: the last request has a body, or something
    /// has arrived since its head.
    unread: AtomicBool,
    /// Whether the connection carries another protocol than HTTP.
    switched: AtomicBool,
    /// Whether the end of the connection may be the end of the response: HTTP/1.0 has no
    /// chunks.
    ends_response: AtomicBool,
    /// Whether such a response was broken off.
    broken: AtomicBool,
}

/// Counts a request until it is dropped.
#[derive(Debug)]
pub(crate) struct InService(Activity);

impl Drop for InService {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Activity {
    /// Counts a request until its guard is dropped.
    pub(crate) fn begin<B: Body>(&self, request: &Request<B>) -> InService {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.0.unread.store(!request.body().is_end_stream(), Ordering::Relaxed);
        let ends_response = request.version() < Version::HTTP_11;
        self.0.ends_response.store(ends_response, Ordering::Relaxed);
        InService(self.clone())
    }

    /// Records that the response in service, if there is one, will not be completed.
    pub(crate) fn break_off(&self) {
        if self.is_serving() && self.0.ends_response.load(Ordering::Relaxed) {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }

    /// Completes when the connection carries no request, and nothing that is about to
    /// become one.
    pub(crate) async fn idle(&self) {
        let (mut reads, mut quiet, mut idle) = (self.reads(), 0, 0);
        while quiet < QUIET_TICKS && idle < MAX_TICKS {
            tokio::time::sleep(TICK).await;
            if self.is_serving() {
                (quiet, idle) = (0, 0);
                continue;
            }
            idle += 1;
            quiet = if self.reads() == reads { quiet + 1 } else { 0 };
            reads = self.reads();
        }
    }

    fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    fn is_serving(&self) -> bool {
        self.0.requests.load(Ordering::Relaxed) > 0
            || self.0.writing.load(Ordering::Relaxed)
    }

    /// Whether the connection is read on after its write side is shut down. In a tunnel the
    /// other side may still send.
    fn lingers(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed) && !self.0.switched.load(Ordering::Relaxed)
    }
}

/// A stream that reports its reads and writes, and closes as [`Activity`] requires.
pub(crate) struct Watched<S> {
    stream: S,
    /// The TCP socket below the stream, if it is known.
    socket: fn(&S) -> Option<&TcpStream>,
    activity: Activity,
    /// Ends the time in which the client's bytes are discarded. It starts when the write side
    /// is shut down.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    pub(crate) fn new(
        stream: S,
        socket: fn(&S) -> Option<&TcpStream>,
        activity: Activity,
    ) -> Self {
        Self { stream, socket, activity, lingering: None }
    }

    fn note_write<T>(&self, written: Poll<T>) -> Poll<T> {
        self.activity.0.writing.store(written.is_pending(), Ordering::Relaxed);
        written
    }
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads and discards until the client closes its side, or the time is over.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut discarded = [0; 8 * 1024];
        let mut buffer = ReadBuf::new(&mut discarded);
        loop {
            let time = self.lingering.as_mut();
            if time.is_none_or(|time| time.as_mut().poll(context).is_ready()) {
                return Poll::Ready(());
            }
            buffer.clear();
            let read = ready!(Pin::new(&mut *self).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

/// A response of HTTP/1.0 ends with its connection, so an ordinary close would make a broken
/// one look complete. A reset is an error for the client (RFC 9112 §8).
impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.activity.0.broken.load(Ordering::Relaxed)
            && let Some(socket) = (self.socket)(&self.stream)
        {
            let _best_effort = socket.set_zero_linger();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.0.reads.fetch_add(1, Ordering::Relaxed);
            self.activity.0.unread.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        // TLS keeps bytes that the socket does not take yet.
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.note_write(flushed)
    }

    /// Closes in stages (RFC 9112 §9.6). If bytes of the client were unread at the close, its
    /// system would discard the response.
    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.activity.lingers() {
                return Poll::Ready(Ok(()));
            }
            self.lingering = Some(Box::pin(sleep(LINGERING_TIMEOUT)));
        }
        self.poll_discard(context).map(Ok)
    }
}

/// The body of a response, which counts its request as served until it is dropped.
#[derive(Debug)]
pub(crate) struct ServedBody<B> {
    body: B,
    in_service: InService,
}

impl<B> ServedBody<B> {
    /// The response to the request that `in_service` counts.
    pub(crate) fn reply(response: Response<B>, in_service: InService) -> Response<Self> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            in_service.0.0.switched.store(true, Ordering::Relaxed);
        }
        response.map(|body| Self { body, in_service })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ServedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(Some(Err(_)))) {
            self.in_service.0.break_off();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
