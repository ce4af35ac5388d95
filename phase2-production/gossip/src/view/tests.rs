//! Whatever the order in which things are heard, the same is true in the end.

use super::session::MARGIN_MS;
use super::*;
use std::time::Duration;

const LIVES: Lives =
    Lives { idle: Duration::from_secs(80), absolute: Duration::from_secs(1_000) };
/// An eighth of the idle time.
const COARSE: i64 = 10_000;
const IDLE: i64 = 80_000;
const T: i64 = 1_000_000;
const MOST_FILES: usize = 3;

fn born(at: i64) -> Entry {
    let (owner, about) = ("ann".to_owned(), "about ann".to_owned());
    Entry::Born { proof: "p".to_owned(), born: Born { owner, about, at } }
}

fn used(at: i64) -> Entry {
    Entry::Used { proof: "p".to_owned(), at }
}

fn file(at: i64, number: u64) -> Entry {
    Entry::File { proof: "p".to_owned(), at, number, name: format!("{at}-{number}") }
}

fn ended() -> Entry {
    Entry::Ended { proof: "p".to_owned(), until: T + 500_000 }
}

fn view_of(entries: &[(&str, Entry)]) -> View {
    let mut view = View::new(LIVES, MOST_FILES);
    for (node, entry) in entries {
        view.learn(node, entry.clone(), T);
    }
    view
}

/// Every order of a few things.
fn orders<X: Clone>(things: &[X]) -> Vec<Vec<X>> {
    if things.len() < 2 {
        return vec![things.to_vec()];
    }
    let mut all = Vec::new();
    for first in 0..things.len() {
        let mut rest = things.to_vec();
        let head = rest.remove(first);
        for mut order in orders(&rest) {
            order.insert(0, head.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn the_order_in_which_things_are_heard_does_not_matter() {
    let said = [
        ("r1", born(T)),
        ("r2", used(T + 5)),
        ("r3", file(T + 2, 0)),
        ("r1", file(T + 1, 7)),
    ];
    for order in orders(&said) {
        let mut twice = order.clone();
        twice.extend(order);
        let known = view_of(&twice).look("p", T + 10).unwrap();
        assert_eq!((known.owner.as_str(), known.about.as_str()), ("ann", "about ann"));
        assert_eq!((known.created_at, known.last_activity), (T, T + 5));
        assert_eq!(known.lives_until, T + 5 + IDLE, "no more than can be promised");
        assert_eq!(known.files, [format!("{}-7", T + 1), format!("{}-0", T + 2)]);
    }
}

#[test]
fn a_tombstone_wins_over_all_that_is_heard_before_and_after() {
    let said =
        [("r1", born(T)), ("r2", used(T + 5)), ("r3", ended()), ("r1", file(T, 0))];
    for order in orders(&said) {
        let mut view = view_of(&order);
        assert_eq!(view.look("p", T + 10), Err(Gone::Unknown));
        assert_eq!(view.touch("p", T + 10), Err(Gone::Unknown));
        assert_eq!(view.tombstone("p", T + 10), Err(Gone::Unknown));
        assert!(view.of("ann", T).is_empty());
    }
}

#[test]
fn who_is_signed_out_everywhere_is_so_in_sessions_not_heard_of_yet_but_not_in_new_ones() {
    let all = Entry::AllEnded { owner: "ann".to_owned(), at: T };
    for order in orders(&[("r1", born(T)), ("r2", all.clone())]) {
        assert_eq!(view_of(&order).look("p", T + 1), Err(Gone::Unknown));
    }
    assert!(view_of(&[("r2", all), ("r1", born(T + 1))]).look("p", T + 1).is_ok());
}

#[test]
fn silence_and_age_end_a_session_and_use_anywhere_prevents_silence() {
    let mut view = view_of(&[("r1", born(T))]);
    let silent = T + COARSE + IDLE;
    assert!(view.look("p", silent - 1).is_ok());
    assert_eq!(view.look("p", silent), Err(Gone::Expired));
    view.learn("r2", used(T + 50_000), T);
    assert!(view.look("p", silent).is_ok(), "used elsewhere");
    assert_eq!(view.touch("p", silent), Ok(("about ann".to_owned(), true)));
    assert_eq!(view.look("p", silent).unwrap().lives_until, silent + IDLE, "used here");
    for now in (silent..T + 1_000_000).step_by(30_000) {
        assert!(view.touch("p", now).is_ok());
    }
    assert_eq!(view.touch("p", T + 1_000_000), Err(Gone::Expired), "too old");
}

#[test]
fn not_every_use_is_told() {
    let mut view = view_of(&[("r1", born(T))]);
    let told = |view: &mut View, now| view.touch("p", now).unwrap().1;
    assert!(!told(&mut view, T + COARSE - 1));
    assert!(told(&mut view, T + COARSE));
    view.learn("r2", used(T + COARSE), T);
    assert!(!told(&mut view, T + COARSE + 1), "another node told");
}

#[test]
fn the_dead_are_forgotten_when_nobody_can_take_them_for_alive() {
    let mut view = view_of(&[("r1", born(T)), ("r2", file(T, 1))]);
    let silent = T + COARSE + IDLE;
    assert_eq!(view.sweep(silent), Swept::default());
    assert_eq!(view.living(silent), 0);
    let swept = view.sweep(silent + MARGIN_MS);
    assert_eq!(swept.forgotten, ["p"]);
    assert_eq!((view.len(), view.by_owner.len()), (0, 0));
}

#[test]
fn a_tombstone_outlives_the_session_that_it_ends_and_then_goes_too() {
    let mut view = view_of(&[("r1", born(T))]);
    let until = view.tombstone("p", T).unwrap();
    assert!(until > T + COARSE + IDLE);
    view.learn("r2", Entry::Ended { proof: "p".to_owned(), until }, T);
    assert_eq!(view.sweep(T).ended, ["p"]);
    assert_eq!(view.sweep(until - 1), Swept::default(), "taken back once");
    assert_eq!(view.sweep(until).forgotten, ["p"]);
    // The birth may be heard again from a node that was paused.
    view.learn("r1", born(T), until);
    assert_eq!(view.look("p", until), Err(Gone::Expired));
}

#[test]
fn what_is_too_old_to_matter_takes_no_room() {
    let mut view = View::new(LIVES, MOST_FILES);
    let later = T + 1_000_000;
    for entry in [born(T), used(T), file(T, 1), ended()] {
        view.learn("r1", entry, later);
    }
    assert_eq!(view.len(), 0);
    view.learn("r1", Entry::AllEnded { owner: "ann".to_owned(), at: T }, T);
    assert_eq!(view.sweep(later).owners, ["ann"]);
}

#[test]
fn pieces_without_a_birth_are_kept_for_it_and_not_for_ever() {
    let mut view = view_of(&[("r2", used(T)), ("r2", file(T, 1))]);
    assert_eq!(view.look("p", T), Err(Gone::Unknown));
    assert_eq!(view.sweep(T + IDLE), Swept::default());
    assert_eq!(view.sweep(T + IDLE + MARGIN_MS).forgotten, ["p"]);
}

#[test]
fn of_many_files_every_node_remembers_the_same_newest_ones() {
    let files = [("r1", 1), ("r2", 2), ("r1", 3), ("r2", 4), ("r1", 5)];
    let told = files
        .map(|(node, number)| (node, file(T + i64::try_from(number).unwrap(), number)));
    for order in orders(&told) {
        let mut view = view_of(&[("r1", born(T))]);
        order.into_iter().for_each(|(node, entry)| view.learn(node, entry, T));
        let names = view.look("p", T).unwrap().files;
        let newest = [3, 4, 5].map(|number| format!("{}-{number}", T + number));
        assert_eq!(names, newest);
        assert_eq!(view.files_of("p", "r1"), BTreeSet::from([3, 5]));
    }
}
