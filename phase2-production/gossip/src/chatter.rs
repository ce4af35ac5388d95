//! Chitchat, as it is used here.

use crate::config::GossipConfig;
use crate::entry::Entry;
use crate::node::now_ms;
use crate::standing::{NodeKey, Standing};
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
            // Being taken for dead costs little here; the detector need not be nervous.
            phi_threshold: 20.0,
            initial_interval: config.interval,
            dead_node_grace_period: config.dead_node_grace(),
            ..FailureDetectorConfig::default()
        },
        marked_for_deletion_grace_period: config.taken_back(),
        catchup_callback: None,
        // Those who watch the live nodes get copies of their whole maps, several times a
        // second. Nobody watches here, so no node is worth a copy.
        extra_liveness_predicate: Some(Box::new(|_node| false)),
        protocol_version: ProtocolVersion::V1,
    }
}

/// What becomes of an entry of any node, this one included.
pub(crate) fn hearing(
    me: &ChitchatId,
    view: &Arc<Lock<View>>,
    standing: &Arc<Standing>,
    answer: &Arc<Notify>,
) -> impl Fn(&ChitchatId, &str, &str) + Send + Sync + 'static {
    let (me, answer) = (me.clone(), Arc::clone(answer));
    let (view, standing) = (Arc::clone(view), Arc::clone(standing));
    move |node, name, value| match Entry::read(name, value) {
        Some(Entry::Beat(beat)) => standing.hear(key(node), beat),
        Some(entry) => {
            if *node != me && entry.wants_an_answer() {
                answer.notify_one();
            }
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            view.learn(&node.node_id, entry, now_ms());
        }
        None => tracing::warn!(?node, "a node says what is not understood"),
    }
}

/// From here on everything is heard, including what came before.
pub(crate) async fn listen(
    chitchat: &Mutex<Chitchat>,
    hear: impl Fn(&ChitchatId, &str, &str) + Send + Sync + 'static,
) {
    let chitchat = chitchat.lock().await;
    for (node, state) in chitchat.node_states() {
        state.key_values().for_each(|(name, value)| hear(node, name, value));
    }
    let each = move |event: KeyChangeEvent<'_>| hear(event.node, event.key, event.value);
    chitchat.subscribe_event("", each).forever();
}

pub(crate) fn key(id: &ChitchatId) -> NodeKey {
    (id.node_id.to_string(), id.generation_id)
}

/// Bytes of keys and values in a map, those included that were taken back a moment ago.
pub(crate) fn bytes_of(state: &NodeState) -> usize {
    let entries = state.key_values_including_deleted();
    entries.map(|(key, value)| key.len() + value.value.len()).sum()
}
