//! The proxy: a listener with toxics that can change while it runs.

use crate::connection;
use crate::state::State;
use crate::toxic::{Direction, Toxic, Toxics};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// The pause after a failed `accept`.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A proxy on a free port of 127.0.0.1. When dropped, it closes its connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    state: State,
    _accepting: AbortOnDropHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy without toxics. `seed` is for the jitter.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(target: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = State {
            toxics: watch::Sender::new(Toxics::default()),
            resets: watch::Sender::new(0),
            target: watch::Sender::new(target),
            open: Arc::default(),
            buffered: Arc::default(),
        };
        let accepting = tokio::spawn(accept(listener, state.clone(), seed));
        Ok(Self { address, state, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// The address to connect to instead of the target's.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a toxic to one direction. It replaces a toxic of the same kind.
    pub fn add(&self, direction: Direction, toxic: Toxic) {
        self.state.toxics.send_modify(|toxics| toxics.add(direction, toxic));
    }

    /// Adds a toxic to both directions.
    pub fn add_both(&self, toxic: Toxic) {
        self.state.toxics.send_modify(|toxics| {
            toxics.add(Direction::ToServer, toxic);
            toxics.add(Direction::ToClient, toxic);
        });
    }

    /// Removes all toxics. The bytes held back by them are delivered.
    pub fn heal(&self) {
        self.state.toxics.send_replace(Toxics::default());
    }

    /// Resets the existing connections. New connections work.
    pub fn reset_connections(&self) {
        self.state.resets.send_modify(|count| *count += 1);
    }

    /// Sends the bytes of existing and new connections to another server, as a proxy does that
    /// knows the protocol of its servers: the clients notice nothing. Bytes in flight are
    /// lost. The new server must accept a connection in the middle of a dialogue, so a Redis
    /// must need no password and a client must use RESP2.
    pub fn switch_to(&self, target: SocketAddr) {
        self.state.target.send_replace(target);
    }

    /// Bytes that the proxy has received and not yet forwarded, because of a cut or a delay.
    /// Bytes towards the client show that the server has replied and that the reply has not
    /// arrived.
    #[must_use]
    pub fn buffered_bytes(&self, direction: Direction) -> usize {
        self.state.buffered[direction as usize].load(Ordering::Relaxed)
    }

    /// The number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.open.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, state: State, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Aborts the connections when this task is dropped.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => {
                    let random = ChaCha8Rng::seed_from_u64(random.next_u64());
                    connections.spawn(connection::serve(client, state.clone(), random));
                }
                // Out of file descriptors: clients wait in the backlog.
                Err(_) => tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}
