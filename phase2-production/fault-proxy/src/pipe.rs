//! One direction of a conversation, with what goes wrong in it.
//!
//! A reader stamps each piece with the moment at which it is due, and a writer waits for
//! that moment. So a delay does not narrow the pipe: many pieces can be on their way.

use crate::conversation::wait_until;
use crate::toxic::{Direction, Toxics};
use bytes::{Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Pieces that may be on their way; beyond that the sender has to wait, as in a network.
const ON_THE_WAY: usize = 1024;

const PIECE: usize = 16 * 1024;

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The sender closed its half, and everything before that has arrived.
    Orderly,
    /// Somebody broke off; the other side is to see that as a reset.
    Broken,
}

pub(crate) struct Pipe<'a> {
    pub(crate) direction: Direction,
    pub(crate) held: Held<'a>,
    pub(crate) toxics: watch::Receiver<Toxics>,
    pub(crate) luck: ChaCha8Rng,
}

/// Bytes of one connection that are held back, counted among those of all.
pub(crate) struct Held<'a> {
    all: &'a AtomicUsize,
    own: AtomicUsize,
}

impl<'a> Held<'a> {
    pub(crate) const fn new(all: &'a AtomicUsize) -> Self {
        Self { all, own: AtomicUsize::new(0) }
    }

    fn came(&self, bytes: usize) {
        self.own.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }

    fn went(&self, bytes: usize) {
        self.own.fetch_sub(bytes, Ordering::Relaxed);
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

/// A piece and the moment at which it is due.
type Due = (Instant, Bytes);

impl Pipe<'_> {
    /// Passes on what comes until one side has ended.
    pub(crate) async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Ended {
        let (send, receive) = mpsc::channel(ON_THE_WAY);
        let Self { direction, held, toxics, luck } = self;
        let reader = Reader { direction, toxics: toxics.clone(), luck };
        let writer = Writer { direction, toxics, passed: 0 };
        let both = tokio::try_join!(
            reader.read(from, send, &held),
            writer.write(receive, to, &held)
        );
        match both {
            Ok(_) => Ended::Orderly,
            Err(Broken) => Ended::Broken,
        }
    }
}

struct Reader {
    direction: Direction,
    toxics: watch::Receiver<Toxics>,
    luck: ChaCha8Rng,
}

impl Reader {
    async fn read(
        mut self,
        mut from: ReadHalf<'_>,
        send: mpsc::Sender<Due>,
        held: &Held<'_>,
    ) -> Result<(), Broken> {
        let mut last = Instant::now();
        loop {
            let mut piece = BytesMut::with_capacity(PIECE);
            let size = from.read_buf(&mut piece).await?;
            if size == 0 {
                return Ok(());
            }
            held.came(size);
            let (delay, jitter) = self.toxics.borrow().latency(self.direction);
            let luck = self.luck.random_range(0.0..=1.0);
            // Never before the piece before it.
            last = last.max(Instant::now() + delay + jitter.mul_f64(luck));
            send.send((last, piece.freeze())).await.map_err(|_closed| Broken)?;
        }
    }
}

struct Writer {
    direction: Direction,
    toxics: watch::Receiver<Toxics>,
    passed: u64,
}

impl Writer {
    async fn write(
        mut self,
        mut receive: mpsc::Receiver<Due>,
        mut to: WriteHalf<'_>,
        held: &Held<'_>,
    ) -> Result<(), Broken> {
        while let Some((due, mut piece)) = receive.recv().await {
            until(due).await;
            while !piece.is_empty() {
                self.until_it_is_not_cut().await;
                let (size, rest) = self.next(piece.len())?;
                let part = piece.split_to(size);
                to.write_all(&part).await?;
                held.went(part.len());
                self.passed += part.len() as u64;
                until(Instant::now() + rest).await;
            }
        }
        self.until_it_is_not_cut().await;
        to.shutdown().await.map_err(Broken::from)
    }

    async fn until_it_is_not_cut(&mut self) {
        let direction = self.direction;
        wait_until(&mut self.toxics, |toxics| !toxics.cuts(direction)).await;
    }

    /// How many bytes to write next, of so many that are there, and how long to rest then.
    fn next(&self, there: usize) -> Result<(usize, Duration), Broken> {
        let now = self.toxics.borrow();
        let left =
            now.limit(self.direction).map(|limit| limit.saturating_sub(self.passed));
        if left == Some(0) {
            return Err(Broken);
        }
        let left = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(PIECE);
        let pace = now.bandwidth(self.direction);
        let size = there.min(left).min(step(pace));
        let rest = pace.map(|pace| Duration::from_secs(size as u64) / pace);
        Ok((size, rest.unwrap_or_default()))
    }
}

/// A timer rounds up to its next tick, so what is due already is not given to one.
async fn until(due: Instant) {
    if due > Instant::now() {
        tokio::time::sleep_until(due).await;
    }
}

/// What is written at a time under a limit: a fiftieth of a second's worth, so that the
/// flow is even.
fn step(pace: Option<u32>) -> usize {
    let fiftieth = pace.map(|pace| usize::try_from(pace / 50).unwrap_or(PIECE).max(1));
    fiftieth.unwrap_or(PIECE)
}

/// Somebody broke off.
struct Broken;

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}
