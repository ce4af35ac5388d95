//! One direction of a connection, with its toxics.
//!
//! The reader gives each chunk a due time, and the writer waits for it. Many chunks can be in
//! flight, so that latency does not reduce the bandwidth.

use crate::toxic::{Direction, Toxics, wait_until};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Chunks in flight. When there are more, the sender has to wait, as in a network.
const MAX_CHUNKS_IN_FLIGHT: usize = 1024;

/// Bytes of a chunk.
const CHUNK_SIZE: usize = 16 * 1024;

/// The end of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender closed its half, and every byte has been delivered.
    Closed,
    /// A side or a toxic broke the connection. The other side has to see a reset.
    Reset,
}

/// One direction of a connection.
pub(crate) struct Pipe<'a> {
    pub(crate) direction: Direction,
    pub(crate) buffered: Buffered<'a>,
    pub(crate) toxics: watch::Receiver<Toxics>,
    pub(crate) random: ChaCha8Rng,
}

/// The bytes of one connection that the proxy has read and not yet written. They are also
/// part of the sum of all connections.
pub(crate) struct Buffered<'a> {
    all: &'a AtomicUsize,
    own: AtomicUsize,
}

impl<'a> Buffered<'a> {
    pub(crate) const fn new(all: &'a AtomicUsize) -> Self {
        Self { all, own: AtomicUsize::new(0) }
    }

    fn add(&self, bytes: usize) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Buffered<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

/// A chunk and its due time.
type DueChunk = (Instant, Bytes);

impl Pipe<'_> {
    /// Forwards bytes until one side ends.
    pub(crate) async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> End {
        let (send, receive) = mpsc::channel(MAX_CHUNKS_IN_FLIGHT);
        let Self { direction, buffered, toxics, random } = self;
        let reader = Reader { direction, toxics: toxics.clone(), random };
        let writer = Writer { direction, toxics, written: 0 };
        let both = tokio::try_join!(
            reader.read(from, send, &buffered),
            writer.write(receive, to, &buffered)
        );
        match both {
            Ok(_) => End::Closed,
            Err(Reset) => End::Reset,
        }
    }
}

struct Reader {
    direction: Direction,
    toxics: watch::Receiver<Toxics>,
    random: ChaCha8Rng,
}

impl Reader {
    async fn read(
        mut self,
        mut from: ReadHalf<'_>,
        send: mpsc::Sender<DueChunk>,
        buffered: &Buffered<'_>,
    ) -> Result<(), Reset> {
        let mut last = Instant::now();
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK_SIZE);
            let size = from.read_buf(&mut chunk).await?;
            if size == 0 {
                return Ok(());
            }
            buffered.add(size);
            let (delay, jitter) = self.toxics.borrow().latency(self.direction);
            let share = self.random.random_range(0.0..=1.0);
            // Not before the previous chunk: TCP keeps the order.
            last = last.max(Instant::now() + delay + jitter.mul_f64(share));
            send.send((last, chunk.freeze())).await.map_err(|_closed| Reset)?;
        }
    }
}

struct Writer {
    direction: Direction,
    toxics: watch::Receiver<Toxics>,
    /// Bytes since the beginning of the connection.
    written: u64,
}

impl Writer {
    async fn write(
        mut self,
        mut receive: mpsc::Receiver<DueChunk>,
        mut to: WriteHalf<'_>,
        buffered: &Buffered<'_>,
    ) -> Result<(), Reset> {
        while let Some((due, mut chunk)) = receive.recv().await {
            sleep_until(due).await;
            while !chunk.is_empty() {
                self.wait_while_cut().await;
                let (size, pause) = self.next_write(chunk.len())?;
                let part = chunk.split_to(size);
                to.write_all(&part).await?;
                buffered.remove(part.len());
                self.written += part.len() as u64;
                sleep_until(Instant::now() + pause).await;
            }
        }
        self.wait_while_cut().await;
        to.shutdown().await.map_err(Reset::from)
    }

    async fn wait_while_cut(&mut self) {
        let direction = self.direction;
        wait_until(&mut self.toxics, |toxics| !toxics.cuts(direction)).await;
    }

    /// The number of bytes of the next write, of the available ones, and the pause after it.
    fn next_write(&self, available: usize) -> Result<(usize, Duration), Reset> {
        let toxics = self.toxics.borrow();
        let limit = toxics.limit(self.direction);
        let remaining = limit.map(|limit| limit.saturating_sub(self.written));
        if remaining == Some(0) {
            return Err(Reset);
        }
        let remaining = remaining.and_then(|bytes| usize::try_from(bytes).ok());
        let bandwidth = toxics.bandwidth(self.direction);
        let size =
            available.min(remaining.unwrap_or(CHUNK_SIZE)).min(max_write_size(bandwidth));
        let pause = bandwidth.map(|rate| Duration::from_secs(size as u64) / rate);
        Ok((size, pause.unwrap_or_default()))
    }
}

/// Sleeps only if the time is in the future: a timer rounds up to its next tick.
async fn sleep_until(due: Instant) {
    if due > Instant::now() {
        tokio::time::sleep_until(due).await;
    }
}

/// The maximum bytes of a write. With a bandwidth in bytes per second it is the bytes of 20 ms,
/// so that the flow is even.
fn max_write_size(bandwidth: Option<u32>) -> usize {
    let size = bandwidth.map(|rate| usize::try_from(rate / 50).unwrap_or(CHUNK_SIZE));
    size.map_or(CHUNK_SIZE, |size| size.max(1))
}

/// The connection is broken.
struct Reset;

impl From<std::io::Error> for Reset {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}
