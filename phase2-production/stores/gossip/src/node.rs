//! A node: the operations of an application on sessions.

use crate::background;
use crate::catch_up::{MemberState, NodeKey};
use crate::clock::{now_ms, since_1970};
use crate::config::GossipConfig;
use crate::entry::{AllEnded, Birth, Entry};
use crate::protocol::{self, bytes_of, key};
use crate::transport::BoundSocket;
use crate::view::{Gone, SessionState, View};
use anyhow::Context;
use chitchat::{Chitchat, ChitchatHandle, ChitchatId, spawn_chitchat};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

/// Timeout of the wait for acknowledgements of a write.
pub const ACK_TIMEOUT: Duration = Duration::from_millis(300);

/// The amount of data of a node. Every node holds all of it: the cost of this design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Known sessions, including tombstones.
    pub sessions: usize,
    /// Live sessions.
    pub living: usize,
    /// Known nodes, including this one and dead ones.
    pub nodes: usize,
    /// Bytes of keys and values in the maps of all nodes.
    pub bytes: usize,
}

/// The owner of a session, and the owner's epoch: a number that rises when all earlier
/// sessions must end. Without an epoch (0) times decide, and clocks may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The name.
    pub name: &'a str,
    /// From a database that all nodes share.
    pub epoch: i64,
}

impl<'a> From<&'a str> for Owner<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, epoch: 0 }
    }
}

impl<'a> From<(&'a str, i64)> for Owner<'a> {
    fn from((name, epoch): (&'a str, i64)) -> Self {
        Self { name, epoch }
    }
}

/// One node of the group. Clones share it; it stops with the last one.
#[derive(Clone)]
pub struct Gossip(pub(crate) Arc<Node>);

pub(crate) struct Node {
    pub(crate) config: GossipConfig,
    pub(crate) me: ChitchatId,
    pub(crate) handle: ChitchatHandle,
    pub(crate) chitchat: Arc<Mutex<Chitchat>>,
    pub(crate) state: Arc<MemberState>,
    /// An entry should be sent at once.
    pub(crate) urgent: Notify,
    /// Another node waits for an acknowledgement.
    pub(crate) ack_requested: Arc<Notify>,
    view: Arc<Lock<View>>,
    files: AtomicU64,
}

impl Gossip {
    /// Starts to gossip. Returns when this node has caught up with the others, or no
    /// other node replies.
    ///
    /// # Errors
    /// If an address is not on this machine, or cannot be bound.
    pub async fn join(config: GossipConfig) -> anyhow::Result<Self> {
        config.check()?;
        let socket = BoundSocket::at(config.listen).await.with_context(|| {
            format!("cannot listen at {}: is it in use?", config.listen)
        })?;
        let generation = u64::try_from(since_1970().as_micros())?;
        let me = ChitchatId::new(config.node.as_str(), generation, socket.address());
        let key = (config.node.clone(), generation);
        let joins = config.seeds.iter().any(|seed| *seed != socket.address());
        let state = Arc::new(MemberState::new(key, joins, now_ms()));
        let view = Arc::new(Lock::new(View::new(config.lifetimes, config.max_files)));
        let handle =
            spawn_chitchat(protocol::settings(&config, &me), Vec::new(), &socket);
        let handle = handle.await?;
        let chitchat = handle.chitchat();
        let ack_requested = Arc::new(Notify::new());
        let receive = protocol::receiver(&me, &view, &state, &ack_requested);
        protocol::listen(&chitchat, receive).await;
        let node = Arc::new(Node {
            config,
            me,
            handle,
            chitchat,
            state,
            urgent: Notify::new(),
            ack_requested,
            view,
            files: AtomicU64::new(0),
        });
        background::start(&node);
        background::caught_up(&node).await?;
        Ok(Self(node))
    }

    /// The address of this node, a seed for others.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.me.gossip_advertise_addr
    }

    /// Creates a session (its birth). `hash` identifies it and must not be the credential
    /// itself; [`Gossip::touch`] returns `metadata`, the application's data about `owner`.
    ///
    /// This and every other urgent write returns when all nodes that seem alive have
    /// acknowledged it, or after [`ACK_TIMEOUT`]: a paused node would block all others, and
    /// a killed one never replies.
    pub async fn start(
        &self,
        hash: &str,
        owner: impl Into<Owner<'_>>,
        metadata: &str,
        now: i64,
    ) {
        let Owner { name, epoch } = owner.into();
        let (owner, metadata) = (name.to_owned(), metadata.to_owned());
        let born = Birth { owner, metadata, at: now, epoch };
        self.0.write_and_wait(Entry::Birth { hash: hash.to_owned(), born }).await;
    }

    /// Records a use: the idle time restarts on all nodes. Returns the data about the
    /// owner.
    ///
    /// # Errors
    /// If this node knows no live session with this hash.
    pub async fn touch(&self, hash: &str, now: i64) -> Result<String, Gone> {
        self.0.check_caught_up(now)?;
        let (metadata, report) = self.0.view().touch(hash, now)?;
        if report {
            self.0.write(Entry::Used { hash: hash.to_owned(), at: now }).await;
        }
        Ok(metadata)
    }

    /// The state of a session, without a use.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub fn peek(&self, hash: &str, now: i64) -> Result<SessionState, Gone> {
        self.0.check_caught_up(now)?;
        self.0.view().peek(hash, now)
    }

    /// Adds a file name (growth) and records a use. A session that was ended meanwhile
    /// stays ended. Beyond [`GossipConfig::max_files`] the newest names are kept.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub async fn add_file(&self, hash: &str, name: &str, now: i64) -> Result<(), Gone> {
        self.touch(hash, now).await?;
        let number = self.0.files.fetch_add(1, Ordering::Relaxed);
        let file =
            Entry::File { hash: hash.to_owned(), at: now, number, name: name.to_owned() };
        self.0.write_and_wait(file).await;
        self.0.delete_old_files(hash).await;
        Ok(())
    }

    /// Ends a session (its death): immediately on this node, shortly after on the others.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub async fn end(&self, hash: &str, now: i64) -> Result<(), Gone> {
        self.0.check_caught_up(now)?;
        let until = self.0.view().tombstone(hash, now)?;
        self.0.write_and_wait(Entry::Ended { hash: hash.to_owned(), until }).await;
        Ok(())
    }

    /// Ends all sessions of an owner that were born before the owner's present epoch, or
    /// without an epoch until `now`, including those that this node has not received yet.
    pub async fn end_all_of(&self, owner: impl Into<Owner<'_>>, now: i64) {
        let Owner { name, epoch } = owner.into();
        let ended = AllEnded { epoch, at: now };
        self.0.write_and_wait(Entry::AllEnded { owner: name.to_owned(), ended }).await;
    }

    /// Number of known sessions, including tombstones.
    #[must_use]
    pub fn known_sessions(&self) -> usize {
        self.0.view().len()
    }

    /// Number of an owner's known sessions, including tombstones.
    #[must_use]
    pub fn known_sessions_of(&self, owner: &str) -> usize {
        self.0.view().known_of(owner)
    }

    /// Whether this node knows at least `max_living` live sessions. Tombstones and expired
    /// sessions do not count.
    #[must_use]
    pub fn is_full(&self, max_living: usize, now: i64) -> bool {
        self.0.view().is_full(max_living, now)
    }

    /// The live sessions of an owner that this node knows, oldest first.
    #[must_use]
    pub fn sessions_of(&self, owner: &str, now: i64) -> Vec<String> {
        self.0.view().sessions_of(owner, now)
    }

    /// Removes dead sessions and this node's entries about them, and reports the size.
    pub async fn sweep(&self, now: i64) {
        if !self.0.state.is_lagging(now) {
            let swept = self.0.view().sweep(now);
            self.0.delete_entries(swept).await;
        }
        self.size(now).await;
    }

    /// The amount of data of this node. Also the gauges `upload_server_gossip_sessions_stored`,
    /// `upload_server_gossip_sessions_live`, `upload_server_gossip_nodes` and `upload_server_gossip_state_bytes`.
    pub async fn size(&self, now: i64) -> Size {
        let (nodes, bytes) = {
            let chitchat = self.0.chitchat.lock().await;
            let states = chitchat.node_states();
            (states.len(), states.values().map(bytes_of).sum())
        };
        let view = self.0.view();
        let size = Size { sessions: view.len(), living: view.living(now), nodes, bytes };
        drop(view);
        report(size);
        size
    }

    /// Sends the remaining entries and stops. This node's writes survive on the others.
    pub async fn leave(&self) {
        self.0.urgent.notify_one();
        tokio::time::sleep(self.0.config.interval * 2).await;
        // An error means that gossip had already ended.
        let _ = self.0.handle.initiate_shutdown();
    }
}

impl Node {
    fn check_caught_up(&self, now: i64) -> Result<(), Gone> {
        if self.state.is_lagging(now) { Err(Gone::CatchingUp) } else { Ok(()) }
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into this node's own map; the view is updated before this returns. Returns
    /// the new version of the map.
    pub(crate) async fn write(&self, entry: Entry) -> u64 {
        let mut chitchat = self.chitchat.lock().await;
        let own = chitchat.self_node_state();
        own.set(entry.key(), entry.value());
        own.max_version()
    }

    /// Writes and waits for the acknowledgements of the live nodes.
    async fn write_and_wait(&self, entry: Entry) {
        let mut heartbeats = self.state.heartbeats();
        let version = self.write(entry).await;
        self.urgent.notify_one();
        let acknowledged = async {
            while !self.state.is_acknowledged(&self.alive().await, version) {
                if heartbeats.changed().await.is_err() {
                    return;
                }
            }
        };
        if timeout(ACK_TIMEOUT, acknowledged).await.is_err() {
            metrics::counter!("upload_server_gossip_acknowledgement_timeouts_total")
                .increment(1);
        }
    }

    /// The nodes that seem alive, this one included.
    pub(crate) async fn alive(&self) -> Vec<NodeKey> {
        let chitchat = self.chitchat.lock().await;
        chitchat.live_nodes().map(key).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges; exact up to 2^53")]
fn report(size: Size) {
    metrics::gauge!("upload_server_gossip_sessions_stored").set(size.sessions as f64);
    metrics::gauge!("upload_server_gossip_sessions_live").set(size.living as f64);
    metrics::gauge!("upload_server_gossip_nodes").set(size.nodes as f64);
    metrics::gauge!("upload_server_gossip_state_bytes").set(size.bytes as f64);
}
