//! Both servers have the same files and items in the same order, except for the difference that
//! the course teaches. A change of that difference is a change of the course, so these tests
//! make it part of a review: by file, by item and by line.

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
fn file_pairs_differ_only_in_the_reviewed_items() {
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
fn line_differences_match_the_reviewed_snapshot() {
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
            // Without line numbers, because they change with the common lines.
            difference.push_str("@@\n");
            for change in hunk.iter_changes() {
                difference.push_str(&format!("{}{change}", change.tag()));
            }
        }
    }
    insta::assert_snapshot!("difference", difference);
}

#[test]
fn consequences_are_paired_in_the_same_order() {
    let stateful = STATEFUL.consequences().into_iter();
    let pairs: Vec<_> = stateful.zip(STATELESS.consequences()).collect();
    let pairs: Vec<_> = pairs.iter().map(|(one, two)| (&**one, &**two)).collect();
    assert_eq!(pairs, CONSEQUENCES);
    assert_eq!(STATEFUL.consequences().len(), STATELESS.consequences().len());
}

/// The name of the corresponding file of the stateless server.
fn counterpart(file: &str) -> String {
    file.replace(STATEFUL.own, STATELESS.own)
}
