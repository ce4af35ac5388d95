//! Sessions that the replicas tell each other, without a store between them.
//!
//! Each node writes what it did into a map of its own, and [chitchat](https://github.com/quickwit-oss/chitchat)
//! carries all maps to all nodes: a few times a second, each node asks some others what
//! they have heard of whom, and they exchange what is missing. A session is what all maps
//! say together (`view`). So a node can die, and what it wrote lives on in the others;
//! and every node holds every session, which is the price.
//!
//! A write waits a moment for the others to say that they have heard it. But a node that
//! cannot answer is not waited for longer, and the caller is not told: so it is not promised
//! that a session is known everywhere, that a limit is exact, or that a write survives a
//! node that dies before it has told anybody. Who judges a group by its promises excuses
//! what a node acknowledged less than [`PATIENCE`] before it was killed, and nothing else.
//!
//! Reading order: `entry` (what is said), `view` (what it means), `standing` (who has been
//! asleep), `node`, `chatter` and `background`.

mod background;
mod chatter;
mod config;
mod entry;
mod node;
mod standing;
mod transport;
mod view;
mod withdrawal;

pub use config::{GossipConfig, Lives};
pub use node::{Gossip, PATIENCE, Size};
pub use view::{Gone, Known};
