//! Settings of chitchat, and the handler of received entries.

use crate::catch_up::{MemberState, NodeKey};
use crate::clock::now_ms;
use crate::config::GossipConfig;
use crate::entry::Entry;
use crate::view::View;
use chitchat::{
    Chitchat, ChitchatConfig, ChitchatId, FailureDetectorConfig, KeyChangeEvent,
    NodeState, ProtocolVersion,
};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use tokio::sync::{Mutex, Notify};

pub(crate) fn settings(config: &GossipConfig, me: &ChitchatId) -> ChitchatConfig {
    ChitchatConfig {
        chitchat_id: me.clone(),
        cluster_id: config.cluster_id.clone(),
        gossip_interval: config.interval,
        listen_addr: me.gossip_advertise_addr,
        seed_nodes: config.seeds.iter().map(ToString::to_string).collect(),
        failure_detector_config: FailureDetectorConfig {
            // A false suspicion costs little here, so the detector can be slow.
            phi_threshold: 20.0,
            initial_interval: config.interval,
            dead_node_grace_period: config.dead_node_grace(),
            ..FailureDetectorConfig::default()
        },
        marked_for_deletion_grace_period: config.deletion_grace(),
        catchup_callback: None,
        // A watcher of live nodes gets copies of their whole maps several times a second.
        // There is no watcher here, so this excludes all nodes from the copies.
        extra_liveness_predicate: Some(Box::new(|_node| false)),
        protocol_version: ProtocolVersion::V1,
    }
}

/// Returns the handler of every entry, including this node's own.
pub(crate) fn receiver(
    me: &ChitchatId,
    view: &Arc<Lock<View>>,
    state: &Arc<MemberState>,
    ack_requested: &Arc<Notify>,
) -> impl Fn(&ChitchatId, &str, &str) + Send + Sync + 'static {
    let (me, ack_requested) = (me.clone(), Arc::clone(ack_requested));
    let (view, state) = (Arc::clone(view), Arc::clone(state));
    move |node, name, value| match Entry::parse(name, value) {
        Some(Entry::Heartbeat(heartbeat)) => state.receive(key(node), heartbeat),
        Some(entry) => {
            if *node != me && entry.needs_acknowledgement() {
                ack_requested.notify_one();
            }
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            view.apply(&node.node_id, entry, now_ms());
        }
        None => tracing::warn!(?node, "received an unreadable entry"),
    }
}

/// Subscribes the handler, and replays all earlier entries.
pub(crate) async fn listen(
    chitchat: &Mutex<Chitchat>,
    receive: impl Fn(&ChitchatId, &str, &str) + Send + Sync + 'static,
) {
    let chitchat = chitchat.lock().await;
    for (node, state) in chitchat.node_states() {
        state.key_values().for_each(|(name, value)| receive(node, name, value));
    }
    let each =
        move |event: KeyChangeEvent<'_>| receive(event.node, event.key, event.value);
    chitchat.subscribe_event("", each).forever();
}

pub(crate) fn key(id: &ChitchatId) -> NodeKey {
    (id.node_id.to_string(), id.generation_id)
}

/// Bytes of keys and values in a map, including recently deleted ones.
pub(crate) fn bytes_of(state: &NodeState) -> usize {
    let entries = state.key_values_including_deleted();
    entries.map(|(key, value)| key.len() + value.value.len()).sum()
}
