//! The proxy: it listens, and takes faults and their end while it runs.

use crate::conversation;
use crate::toxic::{Direction, Toxic, Toxics};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// A proxy on a free port of this machine. Dropped, it is gone, with its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: State,
    _accepting: AbortOnDropHandle<()>,
}

/// What the proxy and its conversations share.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) toxics: watch::Sender<Toxics>,
    /// Raised to reset what exists once.
    pub(crate) resets: watch::Sender<u64>,
    pub(crate) target: SocketAddr,
    pub(crate) open: Arc<AtomicUsize>,
    /// Bytes that were read and have not been passed on, by direction.
    pub(crate) held: Arc<[AtomicUsize; 2]>,
}

impl FaultProxy {
    /// Listens, and passes everything on to `target` unharmed. `seed` is for jitter.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(target: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State {
            toxics: watch::Sender::new(Toxics::default()),
            resets: watch::Sender::new(0),
            target,
            open: Arc::default(),
            held: Arc::default(),
        };
        let accepting = tokio::spawn(accept(listener, state.clone(), seed));
        Ok(Self { address, state, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// Where to connect instead of the target.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets one more thing go wrong, in one direction, from now on.
    pub fn add(&self, direction: Direction, toxic: Toxic) {
        self.state.toxics.send_modify(|toxics| toxics.add(direction, toxic));
    }

    /// Lets one more thing go wrong in both directions.
    pub fn add_both(&self, toxic: Toxic) {
        self.state.toxics.send_modify(|toxics| {
            toxics.add(Direction::ToServer, toxic);
            toxics.add(Direction::ToClient, toxic);
        });
    }

    /// Ends everything that goes wrong. What was held back arrives.
    pub fn heal(&self) {
        self.state.toxics.send_replace(Toxics::default());
    }

    /// Resets the connections that exist; new ones are not harmed.
    pub fn reset_connections(&self) {
        self.state.resets.send_modify(|count| *count += 1);
    }

    /// Bytes that have come and are held back, by a cut or a delay: with those of an
    /// answer, whoever was asked has answered, and nobody has heard it.
    #[must_use]
    pub fn held_back(&self, direction: Direction) -> usize {
        self.state.held[direction as usize].load(Ordering::Relaxed)
    }

    /// Connections that clients have open through it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, state: State, seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    // Dropped with this task, which ends them all.
    let mut conversations = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let luck = ChaCha8Rng::seed_from_u64(dice.next_u64());
                    conversations.spawn(conversation::hold(client, state.clone(), luck));
                }
                // Out of file descriptors: those who wait are served when there are some.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_ended) = conversations.join_next() => {}
        }
    }
}
