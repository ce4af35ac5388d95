//! Entries in any order merge to the same state.

use super::session::MARGIN_MS;
use super::*;
use std::time::Duration;

const LIVES: SessionLifetimes = SessionLifetimes {
    idle: Duration::from_secs(80),
    absolute: Duration::from_secs(1_000),
};
/// An eighth of the idle timeout.
const TOUCH_INTERVAL: i64 = 10_000;
const IDLE: i64 = 80_000;
const T: i64 = 1_000_000;
const MAX_FILES: usize = 3;

fn born(at: i64) -> Entry {
    let (owner, metadata) = ("ann".to_owned(), "about ann".to_owned());
    Entry::Birth { hash: "p".to_owned(), born: Birth { owner, metadata, at, epoch: 0 } }
}

fn used(at: i64) -> Entry {
    Entry::Used { hash: "p".to_owned(), at }
}

fn file(at: i64, number: u64) -> Entry {
    Entry::File { hash: "p".to_owned(), at, number, name: format!("{at}-{number}") }
}

fn ended() -> Entry {
    Entry::Ended { hash: "p".to_owned(), until: T + 500_000 }
}

fn view_of(entries: &[(&str, Entry)]) -> View {
    let mut view = View::new(LIVES, MAX_FILES);
    for (node, entry) in entries {
        view.apply(node, entry.clone(), T);
    }
    view
}

/// All permutations.
fn permutations<X: Clone>(things: &[X]) -> Vec<Vec<X>> {
    if things.len() < 2 {
        return vec![things.to_vec()];
    }
    let mut all = Vec::new();
    for first in 0..things.len() {
        let mut rest = things.to_vec();
        let head = rest.remove(first);
        for mut order in permutations(&rest) {
            order.insert(0, head.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn entries_merge_in_any_order() {
    let entries = [
        ("r1", born(T)),
        ("r2", used(T + 5)),
        ("r3", file(T + 2, 0)),
        ("r1", file(T + 1, 7)),
    ];
    for order in permutations(&entries) {
        let mut twice = order.clone();
        twice.extend(order);
        let known = view_of(&twice).peek("p", T + 10).unwrap();
        assert_eq!((known.owner.as_str(), known.metadata.as_str()), ("ann", "about ann"));
        assert_eq!((known.created_at, known.last_activity), (T, T + 5));
        assert_eq!(known.lives_until, T + 5 + IDLE, "no longer than guaranteed");
        assert_eq!(known.files, [format!("{}-7", T + 1), format!("{}-0", T + 2)]);
    }
}

#[test]
fn tombstone_wins_over_earlier_and_later_entries() {
    let entries =
        [("r1", born(T)), ("r2", used(T + 5)), ("r3", ended()), ("r1", file(T, 0))];
    for order in permutations(&entries) {
        let mut view = view_of(&order);
        assert_eq!(view.peek("p", T + 10), Err(Gone::Unknown));
        assert_eq!(view.touch("p", T + 10), Err(Gone::Unknown));
        assert_eq!(view.tombstone("p", T + 10), Err(Gone::Unknown));
        assert!(view.sessions_of("ann", T).is_empty());
    }
}

#[test]
fn sign_out_everywhere_ends_unknown_sessions_but_not_later_ones() {
    let all =
        Entry::AllEnded { owner: "ann".to_owned(), ended: AllEnded { epoch: 0, at: T } };
    for order in permutations(&[("r1", born(T)), ("r2", all.clone())]) {
        assert_eq!(view_of(&order).peek("p", T + 1), Err(Gone::Unknown));
    }
    assert!(view_of(&[("r2", all), ("r1", born(T + 1))]).peek("p", T + 1).is_ok());
}

/// The clocks of the nodes differ; the epochs do not.
#[test]
fn epochs_order_sign_outs_despite_wrong_clocks() {
    let born = |epoch, at| {
        let (owner, metadata) = ("ann".to_owned(), "about ann".to_owned());
        let born = Birth { owner, metadata, at, epoch };
        Entry::Birth { hash: "p".to_owned(), born }
    };
    for (birth_epoch, birth_at, ended_epoch, ended_at, lives) in [
        (1, T + 900, 2, T, false),
        (1, T - 900, 2, T, false),
        (2, T - 900, 2, T, true),
        (2, T + 900, 2, T, true),
        (2, T + 900, 3, T - 900, false),
    ] {
        let ended = AllEnded { epoch: ended_epoch, at: ended_at };
        let ended = Entry::AllEnded { owner: "ann".to_owned(), ended };
        let entries = [("r1", born(birth_epoch, birth_at)), ("r2", ended)];
        for order in permutations(&entries) {
            let found = view_of(&order).peek("p", T + 1_000).is_ok();
            assert_eq!(found, lives, "{order:?}");
        }
    }
}

#[test]
fn idle_time_and_age_end_a_session() {
    let mut view = view_of(&[("r1", born(T))]);
    let idle_end = T + TOUCH_INTERVAL + IDLE;
    assert!(view.peek("p", idle_end - 1).is_ok());
    assert_eq!(view.peek("p", idle_end), Err(Gone::Expired));
    view.apply("r2", used(T + 50_000), T);
    assert!(view.peek("p", idle_end).is_ok(), "used elsewhere");
    assert_eq!(view.touch("p", idle_end), Ok(("about ann".to_owned(), true)));
    assert_eq!(
        view.peek("p", idle_end).unwrap().lives_until,
        idle_end + IDLE,
        "used here"
    );
    for now in (idle_end..T + 1_000_000).step_by(30_000) {
        assert!(view.touch("p", now).is_ok());
    }
    assert_eq!(view.touch("p", T + 1_000_000), Err(Gone::Expired), "too old");
}

#[test]
fn use_is_reported_at_most_once_per_interval() {
    let mut view = view_of(&[("r1", born(T))]);
    let report = |view: &mut View, now| view.touch("p", now).unwrap().1;
    assert!(!report(&mut view, T + TOUCH_INTERVAL - 1));
    assert!(report(&mut view, T + TOUCH_INTERVAL));
    view.apply("r2", used(T + TOUCH_INTERVAL), T);
    assert!(!report(&mut view, T + TOUCH_INTERVAL + 1), "another node reported");
}

#[test]
fn dead_session_is_removed_after_the_margin() {
    let mut view = view_of(&[("r1", born(T)), ("r2", file(T, 1))]);
    let idle_end = T + TOUCH_INTERVAL + IDLE;
    assert_eq!(view.sweep(idle_end), Swept::default());
    assert_eq!(view.living(idle_end), 0);
    let swept = view.sweep(idle_end + MARGIN_MS);
    assert_eq!(swept.removed, ["p"]);
    assert_eq!((view.len(), view.by_owner.len()), (0, 0));
}

#[test]
fn tombstone_outlives_its_session_and_is_then_removed() {
    let mut view = view_of(&[("r1", born(T))]);
    let until = view.tombstone("p", T).unwrap();
    assert!(until > T + TOUCH_INTERVAL + IDLE);
    view.apply("r2", Entry::Ended { hash: "p".to_owned(), until }, T);
    assert_eq!(view.sweep(T).ended, ["p"]);
    assert_eq!(view.sweep(until - 1), Swept::default(), "taken back once");
    assert_eq!(view.sweep(until).removed, ["p"]);
    // A node that was paused may send the birth again.
    view.apply("r1", born(T), until);
    assert_eq!(view.peek("p", until), Err(Gone::Expired));
}

/// A clock jumps ahead and is set back. No entry is delivered again.
#[test]
fn node_with_a_fast_clock_keeps_births_and_tombstones() {
    let ahead = T + 10_000_000;
    let mut view = view_of(&[("r1", born(T))]);
    view.apply("r1", ended(), ahead);
    assert_eq!(view.peek("p", T + 1), Err(Gone::Unknown));
    let mut view = View::new(LIVES, MAX_FILES);
    for entry in [born(T), used(T + 5), file(T, 1)] {
        view.apply("r1", entry, ahead);
    }
    let known = view.peek("p", T + 10).unwrap();
    assert_eq!((known.last_activity, known.files.len()), (T + 5, 1));
}

#[test]
fn entry_without_birth_from_a_fast_clock_is_removed() {
    let mut view = View::new(LIVES, MAX_FILES);
    view.apply("r2", used(T), T + 10_000_000);
    assert_eq!(view.sweep(T), Swept::default());
    assert_eq!(view.sweep(T + IDLE + MARGIN_MS).removed, ["p"]);
}

#[test]
fn count_of_unended_sessions_matches_a_scan() {
    let all =
        Entry::AllEnded { owner: "ann".to_owned(), ended: AllEnded { epoch: 0, at: T } };
    let entries = [("r1", born(T)), ("r2", used(T + 5)), ("r3", ended()), ("r1", all)];
    for order in permutations(&entries) {
        let mut view = View::new(LIVES, MAX_FILES);
        for (node, entry) in order.iter().chain(&order) {
            view.apply(node, entry.clone(), T);
            let scan = view.sessions.values().filter(|one| one.is_unended()).count();
            assert_eq!(view.unended, scan, "{order:?}");
            assert_eq!(view.living(T + 1), scan, "{order:?}");
        }
        assert_eq!((view.unended, view.len(), view.known_of("ann")), (0, 1, 1));
    }
}

#[test]
fn only_live_sessions_fill_the_limit() {
    let mut view = view_of(&[("r1", born(T))]);
    let idle_end = T + TOUCH_INTERVAL + IDLE;
    assert!(view.is_full(1, idle_end - 1) && !view.is_full(2, T));
    assert!(!view.is_full(1, idle_end), "expired, before the sweep");
    view.apply("r2", ended(), T);
    assert!(!view.is_full(1, T), "ended");
    let mut view = view_of(&[("r1", born(T))]);
    view.sweep(idle_end + MARGIN_MS);
    assert_eq!((view.unended, view.known_of("ann")), (0, 0), "swept");
}

#[test]
fn expired_entries_are_removed_by_the_next_sweep() {
    let mut view = View::new(LIVES, MAX_FILES);
    let later = T + 1_000_000;
    for entry in [born(T), used(T), file(T, 1), ended()] {
        view.apply("r1", entry, later);
    }
    assert_eq!(view.sweep(later).removed, ["p"]);
    assert_eq!((view.len(), view.unended, view.by_owner.len()), (0, 0, 0));
    view.apply(
        "r1",
        Entry::AllEnded { owner: "ann".to_owned(), ended: AllEnded { epoch: 0, at: T } },
        T,
    );
    assert_eq!(view.sweep(later + MARGIN_MS).owners, ["ann"]);
}

#[test]
fn entries_without_a_birth_are_kept_for_a_limited_time() {
    let mut view = view_of(&[("r2", used(T)), ("r2", file(T, 1))]);
    assert_eq!(view.peek("p", T), Err(Gone::Unknown));
    assert_eq!(view.sweep(T + IDLE), Swept::default());
    assert_eq!(view.sweep(T + IDLE + MARGIN_MS).removed, ["p"]);
}

#[test]
fn every_node_keeps_the_same_newest_files() {
    let files = [("r1", 1), ("r2", 2), ("r1", 3), ("r2", 4), ("r1", 5)];
    let report = files
        .map(|(node, number)| (node, file(T + i64::try_from(number).unwrap(), number)));
    for order in permutations(&report) {
        let mut view = view_of(&[("r1", born(T))]);
        order.into_iter().for_each(|(node, entry)| view.apply(node, entry, T));
        let names = view.peek("p", T).unwrap().files;
        let newest = [3, 4, 5].map(|number| format!("{}-{number}", T + number));
        assert_eq!(names, newest);
        assert_eq!(view.files_of("p", "r1"), BTreeSet::from([3, 5]));
    }
}
