//! What a node does while nobody asks: it tells how far it has heard the others, notices
//! pauses, and passes on at once what is urgent.

use crate::chatter::key;
use crate::entry::{Beat, Entry};
use crate::node::{Node, now_ms};
use crate::standing::NodeKey;
use anyhow::ensure;
use chitchat::{Chitchat, ChitchatId};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two beats.
const BEAT: Duration = Duration::from_millis(500);

/// Between two looks while this node catches up.
const HURRY: Duration = Duration::from_millis(20);

/// Between two times that something urgent is passed on: a crowd of births is told once.
const BREATH: Duration = Duration::from_millis(5);

/// Works until the last clone of the node is gone.
pub(crate) fn start(node: &Arc<Node>) {
    tokio::spawn(clockwork(Arc::downgrade(node)));
    tokio::spawn(pass_on(Arc::downgrade(node)));
    tokio::spawn(answer(Arc::downgrade(node)));
    let (ended, standing) =
        (node.handle.termination_watcher(), Arc::clone(&node.standing));
    tokio::spawn(async move {
        if let Err(error) = ended.await {
            tracing::error!(%error, "this node can no longer hear the others");
            standing.stop();
        }
    });
}

/// Returns when the node may speak for the group.
///
/// # Errors
/// When it never will.
pub(crate) async fn caught_up(node: &Node) -> anyhow::Result<()> {
    while node.standing.is_behind(now_ms()) {
        ensure!(!node.standing.has_stopped(), "gossip ended as soon as it had begun");
        sleep(HURRY).await;
    }
    Ok(())
}

async fn clockwork(node: Weak<Node>) {
    let mut last_beat: Option<Instant> = None;
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        let now = now_ms();
        node.standing.tick(now);
        let behind = node.standing.is_behind(now);
        if last_beat.is_none_or(|last| last.elapsed() >= BEAT) {
            last_beat = Some(Instant::now());
            report_lag(node.standing.lag(&node.alive().await, now));
            beat(&node).await;
        }
        if behind {
            let heard = heard(&*node.chitchat.lock().await);
            node.standing.catch_up(&heard, now_ms());
            node.urgent.notify_one();
        }
        let pause = if behind { HURRY } else { node.config.interval };
        drop(node);
        sleep(pause).await;
    }
}

/// How far each node has been heard, those excluded that will soon be forgotten.
fn heard(chitchat: &Chitchat) -> HashMap<NodeKey, u64> {
    let leaving: HashSet<&ChitchatId> = chitchat.scheduled_for_deletion_nodes().collect();
    let kept = chitchat.node_states().iter().filter(|(id, _)| !leaving.contains(id));
    kept.map(|(id, state)| (key(id), state.max_version())).collect()
}

/// Says how far this node has heard the others.
async fn beat(node: &Node) {
    let knows = heard(&*node.chitchat.lock().await);
    node.standing.retain(|known| knows.contains_key(known));
    let mine = key(&node.me);
    let others = knows.into_iter().filter(|(who, _)| *who != mine);
    let knows = others.map(|((name, generation), version)| (name, generation, version));
    node.say(Entry::Beat(Beat { at: now_ms(), knows: knows.collect() })).await;
}

/// Says so at once where another node waits for it.
async fn answer(node: Weak<Node>) {
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        tokio::select! {
            () = node.answer.notified() => {
                beat(&node).await;
                node.urgent.notify_one();
            }
            // Now and then, to see whether this node is still wanted.
            () = sleep(BEAT) => {}
        }
        drop(node);
        sleep(BREATH).await;
    }
}

/// Chitchat tells some nodes at each interval. What is urgent is told to all of them now.
async fn pass_on(node: Weak<Node>) {
    loop {
        let Some(node) = node.upgrade() else {
            return;
        };
        tokio::select! {
            () = node.urgent.notified() => {
                for address in others(&node).await {
                    // After the end of the talk nobody is to be told anything.
                    let _ = node.handle.gossip(address);
                }
            }
            // Now and then, to see whether this node is still wanted.
            () = sleep(BEAT) => {}
        }
        drop(node);
        sleep(BREATH).await;
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
