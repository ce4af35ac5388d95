//! Sessions that are replicated between the nodes by gossip, without a shared store.
//!
//! Each node writes its operations into its own key-value map, and
//! [chitchat](https://github.com/quickwit-oss/chitchat) replicates all maps to all nodes: a few
//! times a second, each node exchanges versions with some others and sends the missing entries.
//! The state of a session is the merge of all maps (`view`). So a node can die, and its writes
//! survive on the others. The price is that every node holds every session.
//!
//! A write waits until the live nodes have acknowledged it, but not longer than [`ACK_TIMEOUT`],
//! and the caller does not learn which of the two happened. So the group does not guarantee that
//! a session is known everywhere, that a limit is exact, or that a write survives a node that
//! dies before it has sent it. An invariant checker must excuse a write that a node acknowledged
//! less than [`ACK_TIMEOUT`] before it was killed, and nothing else.
//!
//! Reading order: `entry` (the replicated entries), `view` (their merge), `catch_up` (a node
//! after a pause), `node`, `protocol` and `background`.

mod background;
mod catch_up;
mod cleanup;
mod clock;
mod config;
mod entry;
mod node;
mod protocol;
mod transport;
mod view;

pub use config::{GossipConfig, SessionLifetimes};
pub use node::{ACK_TIMEOUT, Gossip, Owner, Size};
pub use view::{Gone, SessionState};
