//! Whether this node may speak for the group.
//!
//! A node that was paused, or has just joined, does not know what was ended meanwhile. It
//! says so until it has heard what another node knew *after* the pause: each node tells
//! now and then how far it has heard everybody (a [`Beat`]), and a map is always told in
//! the order in which it was written. So who has heard as much as a beat names has heard
//! every tombstone that its sender had.

use crate::entry::Beat;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A silence of our own clockwork that means that this process was paused.
const PAUSE: Duration = Duration::from_secs(2);

/// After which a node to which nobody answers is alone, milliseconds.
const ALONE_MS: i64 = 2_000;

/// After which a node that still has not caught up speaks all the same, milliseconds.
const TOO_LONG_MS: i64 = 60_000;

/// Name and generation of a node.
pub(crate) type NodeKey = (String, u64);

#[derive(Debug)]
struct State {
    ticked: Instant,
    behind_since: Option<i64>,
    beats: HashMap<NodeKey, Beat>,
    stopped: bool,
}

/// What this node thinks of itself.
#[derive(Debug)]
pub(crate) struct Standing {
    me: NodeKey,
    state: Mutex<State>,
    heard: watch::Sender<u64>,
}

impl Standing {
    /// Of a node that joins others, or is the first.
    pub(crate) fn new(me: NodeKey, joins: bool, now: i64) -> Self {
        let state = State {
            ticked: Instant::now(),
            behind_since: joins.then_some(now),
            beats: HashMap::new(),
            stopped: false,
        };
        Self { me, state: Mutex::new(state), heard: watch::Sender::new(0) }
    }

    /// Whether it should not be asked. Notices a pause even before the clockwork does.
    pub(crate) fn is_behind(&self, now: i64) -> bool {
        let mut state = self.lock();
        notice_a_pause(&mut state, now);
        state.stopped || state.behind_since.is_some()
    }

    /// The clockwork runs.
    pub(crate) fn tick(&self, now: i64) {
        let mut state = self.lock();
        notice_a_pause(&mut state, now);
        state.ticked = Instant::now();
    }

    /// Whether the talk with the others has ended for good.
    pub(crate) fn has_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// The talk with the others has ended for good.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
    }

    pub(crate) fn hear(&self, node: NodeKey, beat: Beat) {
        if node != self.me {
            self.lock().beats.insert(node, beat);
            self.heard.send_modify(|beats| *beats = beats.wrapping_add(1));
        }
    }

    /// Changes with each beat of another node.
    pub(crate) fn beats(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Whether each of these nodes has said that it heard this one up to `version`.
    pub(crate) fn is_told(&self, alive: &[NodeKey], version: u64) -> bool {
        let state = self.lock();
        let mut others = alive.iter().filter(|node| **node != self.me);
        others.all(|node| {
            let knows = state.beats.get(node).map(|beat| beat.knows.iter());
            knows.into_iter().flatten().any(|(name, generation, heard)| {
                (name, *generation) == (&self.me.0, self.me.1) && *heard >= version
            })
        })
    }

    /// Whether this node has caught up, given how far it has heard everybody.
    pub(crate) fn catch_up(&self, heard: &HashMap<NodeKey, u64>, now: i64) {
        let mut state = self.lock();
        let Some(since) = state.behind_since else {
            return;
        };
        let mut later = state.beats.values().filter(|beat| beat.at >= since).peekable();
        let alone = later.peek().is_none() && now >= since.saturating_add(ALONE_MS);
        let caught_up = later.any(|beat| self.covers(heard, beat));
        let too_long = now >= since.saturating_add(TOO_LONG_MS);
        if caught_up || alone || too_long {
            let took_ms = now.saturating_sub(since);
            tracing::info!(caught_up, alone, took_ms, "this node speaks for the group");
            state.behind_since = None;
        }
    }

    fn covers(&self, heard: &HashMap<NodeKey, u64>, beat: &Beat) -> bool {
        let named = beat.knows.iter();
        let others = named.filter(|(name, generation, _)| {
            (name.as_str(), *generation) != (self.me.0.as_str(), self.me.1)
        });
        let mut versions = others
            .map(|(name, generation, version)| ((name.clone(), *generation), *version));
        versions.all(|(node, version)| heard.get(&node).is_some_and(|&to| to >= version))
    }

    /// How old the newest word of the others is, milliseconds; of nodes that died, too.
    pub(crate) fn lag(&self, alive: &[NodeKey], now: i64) -> i64 {
        let state = self.lock();
        let ages = alive.iter().filter_map(|node| state.beats.get(node));
        ages.map(|beat| now.saturating_sub(beat.at)).max().unwrap_or(0)
    }

    /// Nodes that are gone for good need not be remembered.
    pub(crate) fn retain(&self, known: impl Fn(&NodeKey) -> bool) {
        self.lock().beats.retain(|node, _beat| known(node));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn notice_a_pause(state: &mut State, now: i64) {
    let silence = state.ticked.elapsed();
    if silence > PAUSE {
        tracing::warn!(?silence, "this process was paused and catches up");
        state.behind_since = Some(now);
        state.ticked = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, generation: u64) -> NodeKey {
        (name.to_owned(), generation)
    }

    fn beat(at: i64, knows: &[(&str, u64, u64)]) -> Beat {
        let knows = knows
            .iter()
            .map(|&(name, generation, version)| (name.to_owned(), generation, version));
        Beat { at, knows: knows.collect() }
    }

    #[test]
    fn who_joins_has_caught_up_when_it_has_heard_what_another_one_had() {
        let me = Standing::new(key("me", 2), true, 1_000);
        me.hear(
            key("r1", 1),
            beat(1_500, &[("r1", 1, 9), ("dead", 1, 4), ("me", 2, 99)]),
        );
        me.catch_up(&HashMap::from([(key("r1", 1), 9)]), 1_500);
        assert!(me.is_behind(1_500), "a tombstone of the dead node may be missing");
        me.catch_up(&HashMap::from([(key("r1", 1), 9), (key("dead", 1), 3)]), 1_500);
        assert!(me.is_behind(1_500));
        me.catch_up(&HashMap::from([(key("r1", 1), 9), (key("dead", 1), 4)]), 1_500);
        assert!(!me.is_behind(1_500));
    }

    #[test]
    fn words_from_before_a_pause_do_not_count() {
        let me = Standing::new(key("me", 1), false, 0);
        assert!(!me.is_behind(0), "the first node has nobody to wait for");
        let before = Instant::now().checked_sub(PAUSE + Duration::from_millis(1));
        me.lock().ticked = before.unwrap();
        assert!(me.is_behind(10_000), "noticed by whoever asks first");
        me.hear(key("r1", 1), beat(9_999, &[]));
        me.catch_up(&HashMap::new(), 10_100);
        assert!(me.is_behind(10_100));
        me.hear(key("r1", 1), beat(10_000, &[]));
        me.catch_up(&HashMap::new(), 10_100);
        assert!(!me.is_behind(10_100));
    }

    #[test]
    fn who_hears_nobody_is_alone_and_who_hears_somebody_waits_longer() {
        let me = Standing::new(key("me", 1), true, 0);
        me.catch_up(&HashMap::new(), ALONE_MS - 1);
        assert!(me.is_behind(0));
        me.catch_up(&HashMap::new(), ALONE_MS);
        assert!(!me.is_behind(0));
        let me = Standing::new(key("me", 1), true, 0);
        me.hear(key("r1", 1), beat(1, &[("r1", 1, 1)]));
        me.catch_up(&HashMap::new(), TOO_LONG_MS - 1);
        assert!(me.is_behind(0));
        me.catch_up(&HashMap::new(), TOO_LONG_MS);
        assert!(!me.is_behind(0));
    }

    #[test]
    fn a_word_has_arrived_when_all_who_live_say_so() {
        let me = Standing::new(key("me", 2), false, 0);
        let alive = [key("me", 2), key("r1", 1), key("r2", 1)];
        me.hear(key("r1", 1), beat(1, &[("me", 2, 7)]));
        me.hear(key("r2", 1), beat(1, &[("me", 2, 6), ("me", 1, 99), ("r1", 1, 50)]));
        assert!(me.is_told(&alive, 6));
        assert!(!me.is_told(&alive, 7));
        assert!(me.is_told(&alive[..2], 7), "the dead are not waited for");
        assert!(!me.is_told(&[key("new", 1)], 1), "who has said nothing has not heard");
    }

    #[test]
    fn who_cannot_hear_any_more_says_so_for_ever() {
        let me = Standing::new(key("me", 1), false, 0);
        me.tick(0);
        me.stop();
        assert!(me.is_behind(0));
    }
}
