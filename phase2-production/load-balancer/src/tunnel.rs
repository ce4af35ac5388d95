//! One open tunnel: bytes are copied in both directions. When the balancer stops or the
//! backend is down, both ends get a close frame.

mod frames;

use crate::backends::Backend;
use crate::config::Limits;
use frames::Frames;
use futures_util::future::{Either, select};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split,
};
use tokio_util::sync::CancellationToken;

/// Bytes that are copied at once.
const BUFFER: usize = 8 * 1024;

/// How long the other direction may go on after one has ended.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a tunnel may be quiet in both directions. Servers ping well within it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

/// Copies bytes until both ends have closed, or `stop` is cancelled.
pub(crate) async fn run<C, B>(
    client: C,
    upstream: B,
    backend: &Backend,
    limits: &Limits,
    stop: &CancellationToken,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let stop = stop.child_token();
    let activity = Activity::new();
    let (mut from_client, mut to_client) = split(client);
    let (mut from_backend, mut to_backend) = split(upstream);
    let copied = {
        let down = Direction { stop: &stop, activity: &activity, is_download: true };
        let up = Direction { is_download: false, ..down };
        let down = pin!(down.copy(&mut from_backend, &mut to_client));
        let up = pin!(up.copy(&mut from_client, &mut to_backend));
        let copying = async {
            match select(down, up).await {
                Either::Left((ended, rest)) => finish(ended, rest).await,
                Either::Right((ended, rest)) => finish(ended, rest).await,
            }
        };
        let mut copying = pin!(copying);
        tokio::select! {
            copied = copying.as_mut() => copied,
            () = activity.stalled(backend, limits) => {
                tracing::info!(backend = backend.id(), "tunnel to a lost backend is closed");
                stop.cancel();
                let closed = tokio::time::timeout(CLOSE_TIMEOUT, copying).await;
                closed.unwrap_or(Ok(()))
            }
        }
    };
    if stop.is_cancelled() {
        // Bytes that arrive at a closed socket would reset it, and the close frame be lost.
        let rest = async { tokio::join!(discard(from_client), discard(from_backend)) };
        let _timed_out = tokio::time::timeout(CLOSE_TIMEOUT, rest).await;
    }
    copied
}

async fn finish(
    ended: io::Result<()>,
    rest: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    ended?;
    tokio::time::timeout(HALF_CLOSED_TIMEOUT, rest).await.unwrap_or(Ok(()))
}

async fn discard(mut from: impl AsyncRead + Unpin) {
    let _reset = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}

/// When bytes have arrived last.
struct Activity {
    started: Instant,
    /// Milliseconds after `started`.
    from_backend: AtomicU64,
    from_any: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        let (from_backend, from_any) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { started: Instant::now(), from_backend, from_any }
    }

    fn note(&self, is_download: bool) {
        let now = self.now();
        self.from_any.store(now, Ordering::Relaxed);
        if is_download {
            self.from_backend.store(now, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, last: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(last.load(Ordering::Relaxed)))
    }

    /// Completes when the backend is down and silent, or both ends have been silent too long.
    async fn stalled(&self, backend: &Backend, limits: &Limits) {
        loop {
            tokio::time::sleep(limits.down).await;
            let lost = backend.is_down() && self.since(&self.from_backend) >= limits.down;
            if lost || self.since(&self.from_any) >= IDLE_TIMEOUT {
                return;
            }
        }
    }
}

/// One direction of a tunnel.
#[derive(Clone, Copy)]
struct Direction<'a> {
    stop: &'a CancellationToken,
    activity: &'a Activity,
    /// Whether the bytes go to the client.
    is_download: bool,
}

impl Direction<'_> {
    /// Copies until the end of `from`, or until a frame ends after `stop` was cancelled.
    async fn copy<R: AsyncRead, W: AsyncWrite>(
        self,
        from: &mut ReadHalf<R>,
        to: &mut WriteHalf<W>,
    ) -> io::Result<()> {
        let (mut frames, mut buffer) = (Frames::default(), vec![0; BUFFER]);
        loop {
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled(), if frames.is_between() => {
                    to.write_all(&self.close_frame()).await?;
                    break;
                }
                read = from.read(&mut buffer) => read?,
            };
            if read == 0 {
                break;
            }
            self.activity.note(self.is_download);
            let mut passed = 0;
            while passed < read {
                passed += frames.advance(&buffer[passed..read]);
                if frames.is_between() && self.stop.is_cancelled() {
                    break;
                }
            }
            to.write_all(&buffer[..passed]).await?;
            to.flush().await?;
        }
        to.shutdown().await
    }

    fn close_frame(self) -> Vec<u8> {
        match self.is_download {
            true => frames::close_for_client(),
            false => frames::close_for_server(),
        }
    }
}
