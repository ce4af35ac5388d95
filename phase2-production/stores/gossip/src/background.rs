//! Background tasks of a node: it sends heartbeats, detects pauses and sends urgent
//! entries at once.

use crate::catch_up::NodeKey;
use crate::clock::now_ms;
use crate::entry::{Entry, Heartbeat};
use crate::node::Node;
use crate::protocol::key;
use anyhow::ensure;
use chitchat::{Chitchat, ChitchatId};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Interval of heartbeats.
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);

/// Interval of checks while this node catches up.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(20);

/// Minimum interval between two urgent rounds: many births are sent together.
const MIN_SEND_INTERVAL: Duration = Duration::from_millis(5);

/// Runs until the last clone of the node is dropped.
pub(crate) fn start(node: &Arc<Node>) {
    tokio::spawn(tick(Arc::downgrade(node)));
    tokio::spawn(send_urgent(Arc::downgrade(node)));
    tokio::spawn(acknowledge(Arc::downgrade(node)));
    let (ended, state) = (node.handle.termination_watcher(), Arc::clone(&node.state));
    tokio::spawn(async move {
        if let Err(error) = ended.await {
            tracing::error!(%error, "this node no longer receives gossip");
            state.stop();
        }
    });
}

/// Waits until the node has caught up with the group.
///
/// # Errors
/// If gossip ended before.
pub(crate) async fn caught_up(node: &Node) -> anyhow::Result<()> {
    while node.state.is_lagging(now_ms()) {
        ensure!(!node.state.has_stopped(), "gossip ended during the start");
        sleep(CATCH_UP_INTERVAL).await;
    }
    Ok(())
}

async fn tick(node: Weak<Node>) {
    let mut last_heartbeat: Option<Instant> = None;
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        let now = now_ms();
        node.state.tick(now);
        let lagging = node.state.is_lagging(now);
        if last_heartbeat.is_none_or(|last| last.elapsed() >= HEARTBEAT_INTERVAL) {
            last_heartbeat = Some(Instant::now());
            report_lag(node.state.lag(&node.alive().await, now));
            send_heartbeat(&node).await;
        }
        if lagging {
            let received = received_versions(&*node.chitchat.lock().await);
            node.state.catch_up(&received, now_ms());
            node.urgent.notify_one();
        }
        let pause = if lagging { CATCH_UP_INTERVAL } else { node.config.interval };
        drop(node);
        sleep(pause).await;
    }
}

/// The received version of each node's map, without nodes that are scheduled for
/// deletion.
fn received_versions(chitchat: &Chitchat) -> HashMap<NodeKey, u64> {
    let leaving: HashSet<&ChitchatId> = chitchat.scheduled_for_deletion_nodes().collect();
    let kept = chitchat.node_states().iter().filter(|(id, _)| !leaving.contains(id));
    kept.map(|(id, state)| (key(id), state.max_version())).collect()
}

/// Sends the received versions of the other nodes.
async fn send_heartbeat(node: &Node) {
    let versions = received_versions(&*node.chitchat.lock().await);
    node.state.retain(|known| versions.contains_key(known));
    let own = key(&node.me);
    let others = versions.into_iter().filter(|(node, _)| *node != own);
    let versions =
        others.map(|((name, generation), version)| (name, generation, version));
    node.write(Entry::Heartbeat(Heartbeat {
        at: now_ms(),
        versions: versions.collect(),
    }))
    .await;
}

/// Sends a heartbeat at once if another node waits for an acknowledgement.
async fn acknowledge(node: Weak<Node>) {
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        tokio::select! {
            () = node.ack_requested.notified() => {
                send_heartbeat(&node).await;
                node.urgent.notify_one();
            }
            // Wakes regularly to check whether the node was dropped.
            () = sleep(HEARTBEAT_INTERVAL) => {}
        }
        drop(node);
        sleep(MIN_SEND_INTERVAL).await;
    }
}

/// Chitchat gossips with some nodes per interval. Urgent entries go to all of them at
/// once.
async fn send_urgent(node: Weak<Node>) {
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        tokio::select! {
            () = node.urgent.notified() => {
                for address in others(&node).await {
                    // An error means that gossip has ended.
                    let _ = node.handle.gossip(address);
                }
            }
            // Wakes regularly to check whether the node was dropped.
            () = sleep(HEARTBEAT_INTERVAL) => {}
        }
        drop(node);
        sleep(MIN_SEND_INTERVAL).await;
    }
}

async fn others(node: &Node) -> HashSet<SocketAddr> {
    let chitchat = node.chitchat.lock().await;
    let alive = chitchat.live_nodes().map(|id| id.gossip_advertise_addr);
    let mut addresses: HashSet<_> =
        alive.chain(node.config.seeds.iter().copied()).collect();
    addresses.remove(&node.me.gossip_advertise_addr);
    addresses
}

#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53")]
fn report_lag(milliseconds: i64) {
    metrics::gauge!("upload_server_gossip_lag_seconds")
        .set(milliseconds as f64 / 1_000.0);
}
