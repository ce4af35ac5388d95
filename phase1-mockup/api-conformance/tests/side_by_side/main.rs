//! The contrast is the product: both servers have the same files, the same items and the
//! same order, except where the lesson is. A change of the contrast is a change of the
//! course, so it is reviewed here: file by file, item by item, line by line.

mod contrast;
mod source;

use contrast::{CONSEQUENCES, Contrast, REVIEWED};
use similar::{ChangeTag, TextDiff};
use source::{STATEFUL, STATELESS, items};

#[test]
fn both_servers_have_the_same_files() {
    let counterparts: Vec<_> =
        STATEFUL.files().iter().map(|file| counterpart(file)).collect();
    let mut expected = STATELESS.files();
    expected.sort_by_key(|file| counterparts.iter().position(|one| one == file));
    assert_eq!(counterparts, expected);
}

#[test]
fn each_pair_of_files_has_the_same_items_in_the_same_order_but_for_the_reviewed() {
    for file in STATEFUL.columns() {
        let (ours, theirs) = (STATEFUL.read(&file), STATELESS.read(&counterpart(&file)));
        let (ours, theirs) = (items(&ours), items(&theirs));
        let diff = TextDiff::from_slices(&ours, &theirs);
        let only = |tag| {
            diff.iter_all_changes()
                .filter(|change| change.tag() == tag)
                .map(|change| change.value())
                .collect::<Vec<_>>()
        };
        let reviewed = REVIEWED.iter().find(|reviewed| reviewed.file == file);
        let reviewed = reviewed.unwrap_or(&Contrast::NONE);
        assert_eq!(only(ChangeTag::Delete), reviewed.stateful, "stateful {file}");
        assert_eq!(only(ChangeTag::Insert), reviewed.stateless, "stateless {file}");
    }
}

#[test]
fn the_difference_between_the_servers_is_reviewed_line_by_line() {
    let mut difference = String::new();
    for file in STATEFUL.columns() {
        let counterpart = counterpart(&file);
        let (ours, theirs) = (STATEFUL.read(&file), STATELESS.read(&counterpart));
        let diff = TextDiff::from_lines(&ours, &theirs);
        let header = format!(
            "--- stateful-server/src/{file}\n+++ stateless-server/src/{counterpart}\n"
        );
        difference.push_str(&header);
        for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
            // Without line numbers, which change with what both have in common.
            difference.push_str("@@\n");
            for change in hunk.iter_changes() {
                difference.push_str(&format!("{}{change}", change.tag()));
            }
        }
    }
    insta::assert_snapshot!("difference", difference);
}

#[test]
fn the_consequences_are_told_in_pairs_and_in_the_same_order() {
    let stateful = STATEFUL.consequences().into_iter();
    let pairs: Vec<_> = stateful.zip(STATELESS.consequences()).collect();
    let pairs: Vec<_> = pairs.iter().map(|(one, two)| (&**one, &**two)).collect();
    assert_eq!(pairs, CONSEQUENCES);
    assert_eq!(STATEFUL.consequences().len(), STATELESS.consequences().len());
}

/// What a file of the stateful server is called in the other one.
fn counterpart(file: &str) -> String {
    file.replace(STATEFUL.own, STATELESS.own)
}
