//! Detects whether this node lags behind the group.
//!
//! A node that was paused or has just joined misses the sessions that were ended
//! meanwhile. It reports [`CatchingUp`](crate::Gone::CatchingUp) until it has received
//! everything that another node had received *after* the pause: each node regularly sends
//! the versions it has received (a [`Heartbeat`]), and a map is replicated in the order
//! of its writes. So a node that has received the versions in a heartbeat has every
//! tombstone of its sender.

use crate::entry::Heartbeat;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// If the background task has not run for this long, the process was paused.
const PAUSE_THRESHOLD: Duration = Duration::from_secs(2);

/// Milliseconds after which a node without a reply counts as alone.
const ALONE_TIMEOUT_MS: i64 = 2_000;

/// Milliseconds after which a node stops waiting to catch up.
const CATCH_UP_TIMEOUT_MS: i64 = 60_000;

/// Name and generation of a node.
pub(crate) type NodeKey = (String, u64);

#[derive(Debug)]
struct State {
    last_tick: Instant,
    lagging_since: Option<i64>,
    heartbeats: HashMap<NodeKey, Heartbeat>,
    stopped: bool,
}

/// The state of this node and the latest heartbeats of the others.
#[derive(Debug)]
pub(crate) struct MemberState {
    me: NodeKey,
    state: Mutex<State>,
    received: watch::Sender<u64>,
}

impl MemberState {
    /// A node that `joins` others lags at first; the first node of a group does not.
    pub(crate) fn new(me: NodeKey, joins: bool, now: i64) -> Self {
        let state = State {
            last_tick: Instant::now(),
            lagging_since: joins.then_some(now),
            heartbeats: HashMap::new(),
            stopped: false,
        };
        Self { me, state: Mutex::new(state), received: watch::Sender::new(0) }
    }

    /// Whether the node lags. Detects a pause even before the background task does.
    pub(crate) fn is_lagging(&self, now: i64) -> bool {
        let mut state = self.lock();
        detect_pause(&mut state, now);
        state.stopped || state.lagging_since.is_some()
    }

    /// The background task runs.
    pub(crate) fn tick(&self, now: i64) {
        let mut state = self.lock();
        detect_pause(&mut state, now);
        state.last_tick = Instant::now();
    }

    /// Whether gossip has ended.
    pub(crate) fn has_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Gossip has ended.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
    }

    pub(crate) fn receive(&self, node: NodeKey, heartbeat: Heartbeat) {
        if node != self.me {
            self.lock().heartbeats.insert(node, heartbeat);
            self.received
                .send_modify(|heartbeats| *heartbeats = heartbeats.wrapping_add(1));
        }
    }

    /// Changes with each heartbeat of another node.
    pub(crate) fn heartbeats(&self) -> watch::Receiver<u64> {
        self.received.subscribe()
    }

    /// Whether each of these nodes has acknowledged this node's `version`.
    pub(crate) fn is_acknowledged(&self, alive: &[NodeKey], version: u64) -> bool {
        let state = self.lock();
        let mut others = alive.iter().filter(|node| **node != self.me);
        others.all(|node| {
            let versions =
                state.heartbeats.get(node).map(|heartbeat| heartbeat.versions.iter());
            versions.into_iter().flatten().any(|(name, generation, received)| {
                (name, *generation) == (&self.me.0, self.me.1) && *received >= version
            })
        })
    }

    /// Checks whether the received versions are enough to have caught up.
    pub(crate) fn catch_up(&self, received: &HashMap<NodeKey, u64>, now: i64) {
        let mut state = self.lock();
        let Some(since) = state.lagging_since else {
            return;
        };
        let mut later = state
            .heartbeats
            .values()
            .filter(|heartbeat| heartbeat.at >= since)
            .peekable();
        let alone =
            later.peek().is_none() && now >= since.saturating_add(ALONE_TIMEOUT_MS);
        let caught_up = later.any(|heartbeat| self.covers(received, heartbeat));
        let too_long = now >= since.saturating_add(CATCH_UP_TIMEOUT_MS);
        if caught_up || alone || too_long {
            let took_ms = now.saturating_sub(since);
            tracing::info!(caught_up, alone, took_ms, "this node has caught up");
            state.lagging_since = None;
        }
    }

    fn covers(&self, received: &HashMap<NodeKey, u64>, heartbeat: &Heartbeat) -> bool {
        let named = heartbeat.versions.iter();
        let others = named.filter(|(name, generation, _)| {
            (name.as_str(), *generation) != (self.me.0.as_str(), self.me.1)
        });
        let mut versions = others
            .map(|(name, generation, version)| ((name.clone(), *generation), *version));
        versions
            .all(|(node, version)| received.get(&node).is_some_and(|&to| to >= version))
    }

    /// Age in milliseconds of the oldest among the latest heartbeats of the live nodes.
    pub(crate) fn lag(&self, alive: &[NodeKey], now: i64) -> i64 {
        let state = self.lock();
        let ages = alive.iter().filter_map(|node| state.heartbeats.get(node));
        ages.map(|heartbeat| now.saturating_sub(heartbeat.at)).max().unwrap_or(0)
    }

    /// Removes the heartbeats of deleted nodes.
    pub(crate) fn retain(&self, known: impl Fn(&NodeKey) -> bool) {
        self.lock().heartbeats.retain(|node, _heartbeat| known(node));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn detect_pause(state: &mut State, now: i64) {
    let pause = state.last_tick.elapsed();
    if pause > PAUSE_THRESHOLD {
        tracing::warn!(?pause, "this process was paused and catches up");
        state.lagging_since = Some(now);
        state.last_tick = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, generation: u64) -> NodeKey {
        (name.to_owned(), generation)
    }

    fn heartbeat(at: i64, versions: &[(&str, u64, u64)]) -> Heartbeat {
        let versions = versions
            .iter()
            .map(|&(name, generation, version)| (name.to_owned(), generation, version));
        Heartbeat { at, versions: versions.collect() }
    }

    #[test]
    fn joining_node_catches_up_with_the_versions_of_a_heartbeat() {
        let me = MemberState::new(key("me", 2), true, 1_000);
        me.receive(
            key("r1", 1),
            heartbeat(1_500, &[("r1", 1, 9), ("dead", 1, 4), ("me", 2, 99)]),
        );
        me.catch_up(&HashMap::from([(key("r1", 1), 9)]), 1_500);
        assert!(me.is_lagging(1_500), "a tombstone of the dead node may be missing");
        me.catch_up(&HashMap::from([(key("r1", 1), 9), (key("dead", 1), 3)]), 1_500);
        assert!(me.is_lagging(1_500));
        me.catch_up(&HashMap::from([(key("r1", 1), 9), (key("dead", 1), 4)]), 1_500);
        assert!(!me.is_lagging(1_500));
    }

    #[test]
    fn heartbeat_from_before_a_pause_does_not_count() {
        let me = MemberState::new(key("me", 1), false, 0);
        assert!(!me.is_lagging(0), "the first node does not wait");
        let before =
            Instant::now().checked_sub(PAUSE_THRESHOLD + Duration::from_millis(1));
        me.lock().last_tick = before.unwrap();
        assert!(me.is_lagging(10_000), "the pause is detected by the first call");
        me.receive(key("r1", 1), heartbeat(9_999, &[]));
        me.catch_up(&HashMap::new(), 10_100);
        assert!(me.is_lagging(10_100));
        me.receive(key("r1", 1), heartbeat(10_000, &[]));
        me.catch_up(&HashMap::new(), 10_100);
        assert!(!me.is_lagging(10_100));
    }

    #[test]
    fn silent_group_means_alone_and_a_heartbeat_extends_the_wait() {
        let me = MemberState::new(key("me", 1), true, 0);
        me.catch_up(&HashMap::new(), ALONE_TIMEOUT_MS - 1);
        assert!(me.is_lagging(0));
        me.catch_up(&HashMap::new(), ALONE_TIMEOUT_MS);
        assert!(!me.is_lagging(0));
        let me = MemberState::new(key("me", 1), true, 0);
        me.receive(key("r1", 1), heartbeat(1, &[("r1", 1, 1)]));
        me.catch_up(&HashMap::new(), CATCH_UP_TIMEOUT_MS - 1);
        assert!(me.is_lagging(0));
        me.catch_up(&HashMap::new(), CATCH_UP_TIMEOUT_MS);
        assert!(!me.is_lagging(0));
    }

    #[test]
    fn write_is_acknowledged_by_all_live_nodes() {
        let me = MemberState::new(key("me", 2), false, 0);
        let alive = [key("me", 2), key("r1", 1), key("r2", 1)];
        me.receive(key("r1", 1), heartbeat(1, &[("me", 2, 7)]));
        me.receive(
            key("r2", 1),
            heartbeat(1, &[("me", 2, 6), ("me", 1, 99), ("r1", 1, 50)]),
        );
        assert!(me.is_acknowledged(&alive, 6));
        assert!(!me.is_acknowledged(&alive, 7));
        assert!(me.is_acknowledged(&alive[..2], 7), "dead nodes are ignored");
        assert!(
            !me.is_acknowledged(&[key("new", 1)], 1),
            "no heartbeat means no acknowledgement"
        );
    }

    #[test]
    fn stopped_node_lags_permanently() {
        let me = MemberState::new(key("me", 1), false, 0);
        me.tick(0);
        me.stop();
        assert!(me.is_lagging(0));
    }
}
