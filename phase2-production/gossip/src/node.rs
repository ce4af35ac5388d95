//! A node: what an application does with sessions, and what the group hears of it.

use crate::background;
use crate::chatter::{self, bytes_of, key};
use crate::config::{GossipConfig, milliseconds};
use crate::entry::{Born, Entry};
use crate::standing::{NodeKey, Standing};
use crate::transport::Bound;
use crate::view::{Gone, Known, View};
use anyhow::Context;
use chitchat::{Chitchat, ChitchatHandle, ChitchatId, spawn_chitchat};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

/// How long a write waits for the others to say that they heard it.
pub const PATIENCE: Duration = Duration::from_millis(300);

/// How much a node holds. All of it is on every node: that is what this design costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Sessions known, ended ones that must not be forgotten yet included.
    pub sessions: usize,
    /// Sessions that live.
    pub living: usize,
    /// Nodes heard of, this one and dead ones included.
    pub nodes: usize,
    /// Bytes of keys and values in the maps of all nodes.
    pub bytes: usize,
}

/// One node of the group. Clones share it; with the last one it falls silent.
#[derive(Clone)]
pub struct Gossip(pub(crate) Arc<Node>);

pub(crate) struct Node {
    pub(crate) config: GossipConfig,
    pub(crate) me: ChitchatId,
    pub(crate) handle: ChitchatHandle,
    pub(crate) chitchat: Arc<Mutex<Chitchat>>,
    pub(crate) standing: Arc<Standing>,
    /// Something should be told at once.
    pub(crate) urgent: Notify,
    /// Another node waits to be told that it was heard.
    pub(crate) answer: Arc<Notify>,
    view: Arc<Lock<View>>,
    files: AtomicU64,
}

impl Gossip {
    /// Begins to listen and talk, and returns when this node knows what the others know,
    /// or that nobody answers.
    ///
    /// # Errors
    /// When an address is not on this machine, or cannot be listened at.
    pub async fn join(config: GossipConfig) -> anyhow::Result<Self> {
        config.check()?;
        let socket = Bound::at(config.listen).await.with_context(|| {
            format!("cannot listen at {}: is it in use?", config.listen)
        })?;
        let generation = u64::try_from(since_1970().as_micros())?;
        let me = ChitchatId::new(config.node.as_str(), generation, socket.address());
        let key = (config.node.clone(), generation);
        let joins = config.seeds.iter().any(|seed| *seed != socket.address());
        let standing = Arc::new(Standing::new(key, joins, now_ms()));
        let view = Arc::new(Lock::new(View::new(config.lives, config.most_files)));
        let handle = spawn_chitchat(chatter::settings(&config, &me), Vec::new(), &socket);
        let handle = handle.await?;
        let chitchat = handle.chitchat();
        let answer = Arc::new(Notify::new());
        let hear = chatter::hearing(&me, &view, &standing, &answer);
        chatter::listen(&chitchat, hear).await;
        let node = Arc::new(Node {
            config,
            me,
            handle,
            chitchat,
            standing,
            urgent: Notify::new(),
            answer,
            view,
            files: AtomicU64::new(0),
        });
        background::start(&node);
        background::caught_up(&node).await?;
        Ok(Self(node))
    }

    /// Where this node listens: what others need as a seed.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.me.gossip_advertise_addr
    }

    /// Birth of a session. `proof` names it and must not open it; `about` is what the
    /// application wants to be told of `owner` by [`Gossip::touch`].
    ///
    /// This, like all that others must know soon, returns when every node that seems alive
    /// has said that it heard it, or after [`PATIENCE`]: a node that is paused would make
    /// all others wait, and one that is killed never answers.
    pub async fn start(&self, proof: &str, owner: &str, about: &str, now: i64) {
        let (owner, about) = (owner.to_owned(), about.to_owned());
        let born = Born { owner, about, at: now };
        self.0.tell(Entry::Born { proof: proof.to_owned(), born }).await;
    }

    /// A use: the idle time starts anew, on all nodes. Returns what was said about the
    /// owner.
    ///
    /// # Errors
    /// When no living session has this name, as far as this node knows.
    pub async fn touch(&self, proof: &str, now: i64) -> Result<String, Gone> {
        self.0.speaks(now)?;
        let (about, tell) = self.0.view().touch(proof, now)?;
        if tell {
            self.0.say(Entry::Used { proof: proof.to_owned(), at: now }).await;
        }
        Ok(about)
    }

    /// What is known, without a use.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub fn look(&self, proof: &str, now: i64) -> Result<Known, Gone> {
        self.0.speaks(now)?;
        self.0.view().look(proof, now)
    }

    /// Growth, and a use. A session that was ended meanwhile stays ended. Of more files than
    /// [`GossipConfig::most_files`] the newest are remembered.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub async fn add_file(&self, proof: &str, name: &str, now: i64) -> Result<(), Gone> {
        self.touch(proof, now).await?;
        let number = self.0.files.fetch_add(1, Ordering::Relaxed);
        let file = Entry::File {
            proof: proof.to_owned(),
            at: now,
            number,
            name: name.to_owned(),
        };
        self.0.tell(file).await;
        self.0.take_back_files(proof).await;
        Ok(())
    }

    /// Death. Here it is dead when this returns, elsewhere a moment later.
    ///
    /// # Errors
    /// As [`Gossip::touch`].
    pub async fn end(&self, proof: &str, now: i64) -> Result<(), Gone> {
        self.0.speaks(now)?;
        let until = self.0.view().tombstone(proof, now)?;
        self.0.tell(Entry::Ended { proof: proof.to_owned(), until }).await;
        Ok(())
    }

    /// Death of all sessions of one owner that were born until `now`, those included that
    /// this node has not heard of yet.
    pub async fn end_all_of(&self, owner: &str, now: i64) {
        self.0.tell(Entry::AllEnded { owner: owner.to_owned(), at: now }).await;
    }

    /// How many sessions this node has heard of, ended ones that must not be forgotten yet
    /// included.
    #[must_use]
    pub fn known(&self) -> usize {
        self.0.view().len()
    }

    /// The living sessions of one owner, oldest first, as far as this node knows.
    #[must_use]
    pub fn of(&self, owner: &str, now: i64) -> Vec<String> {
        self.0.view().of(owner, now)
    }

    /// Forgets the dead, takes back what this node wrote of them, and reports its size.
    pub async fn sweep(&self, now: i64) {
        if !self.0.standing.is_behind(now) {
            let swept = self.0.view().sweep(now);
            self.0.take_back(swept).await;
        }
        self.size(now).await;
    }

    /// How much this node holds. Also the gauges `upload_server_gossip_sessions_stored`,
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

    /// Tells the others what they have not heard yet, and falls silent. What this node
    /// wrote lives on with them.
    pub async fn leave(&self) {
        self.0.urgent.notify_one();
        tokio::time::sleep(self.0.config.interval * 2).await;
        // Its end is what was wanted; whether it had ended before does not matter.
        let _ = self.0.handle.initiate_shutdown();
    }
}

impl Node {
    fn speaks(&self, now: i64) -> Result<(), Gone> {
        if self.standing.is_behind(now) { Err(Gone::CatchingUp) } else { Ok(()) }
    }

    pub(crate) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes into this node's own map; the view hears of it before this returns. Returns
    /// the version that the map has now.
    pub(crate) async fn say(&self, entry: Entry) -> u64 {
        let mut chitchat = self.chitchat.lock().await;
        let mine = chitchat.self_node_state();
        mine.set(entry.key(), entry.value());
        mine.max_version()
    }

    /// Writes, and waits until the others have heard it, as far as they live.
    async fn tell(&self, entry: Entry) {
        let mut beats = self.standing.beats();
        let version = self.say(entry).await;
        self.urgent.notify_one();
        let heard = async {
            while !self.standing.is_told(&self.alive().await, version) {
                if beats.changed().await.is_err() {
                    return;
                }
            }
        };
        if timeout(PATIENCE, heard).await.is_err() {
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

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn now_ms() -> i64 {
    milliseconds(since_1970())
}
