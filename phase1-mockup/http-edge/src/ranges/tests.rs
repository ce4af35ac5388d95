//! Ranges and conditions as clients and attackers write them.

use super::*;
use http::HeaderValue;

const TAG: &str = "\"abc\"";

fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name, HeaderValue::from_static(value));
    }
    headers
}

fn get(size: u64, lines: &[(HeaderName, &'static str)]) -> Selection {
    select(&Method::GET, &headers(lines), size, TAG)
}

fn ranged(range: &'static str) -> Selection {
    get(100, &[(RANGE, range)])
}

#[test]
fn one_valid_range_selects_part_else_whole() {
    for (range, part) in [
        ("bytes=0-9", 0..=9),
        ("bytes=90-", 90..=99),
        ("bytes=-10", 90..=99),
        ("BYTES=5-5", 5..=5),
        ("bytes= 0-9 ,", 0..=9),
    ] {
        assert_eq!(ranged(range), Selection::Part(part), "{range}");
    }
    for ignored in [
        "bytes=0-1,5-6",
        "lines=1-2",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=9-3",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=a-b",
        "bytes=1 -2",
        "",
    ] {
        assert_eq!(ranged(ignored), Selection::Whole, "{ignored}");
    }
    let twice = [(RANGE, "bytes=0-1"), (RANGE, "bytes=0-1")];
    assert_eq!(get(100, &twice), Selection::Whole);
    let head = select(&Method::HEAD, &headers(&[(RANGE, "bytes=0-1")]), 100, TAG);
    assert_eq!(head, Selection::Whole);
}

#[test]
fn range_past_end_is_cut_or_unsatisfiable() {
    assert_eq!(ranged("bytes=50-5000"), Selection::Part(50..=99));
    assert_eq!(ranged("bytes=50-99999999999999999999999"), Selection::Part(50..=99));
    assert_eq!(ranged("bytes=-500"), Selection::Part(0..=99));
    assert_eq!(ranged("bytes=-99999999999999999999999"), Selection::Part(0..=99));
    for outside in ["bytes=100-", "bytes=99999999999999999999999-", "bytes=-0"] {
        assert_eq!(ranged(outside), Selection::Unsatisfiable, "{outside}");
    }
}

/// A suffix range of a length above zero is satisfiable (§14.1.2), and the last bytes of an empty
/// file are all of it.
#[test]
fn empty_file_has_only_its_suffix() {
    for range in ["bytes=0-", "bytes=0-0", "bytes=1-", "bytes=-0"] {
        assert_eq!(get(0, &[(RANGE, range)]), Selection::Unsatisfiable, "{range}");
    }
    for range in ["bytes=-1", "bytes=-5"] {
        assert_eq!(get(0, &[(RANGE, range)]), Selection::Whole, "{range}");
    }
}

#[test]
fn if_match_allows_current_tag_or_absent_header() {
    let allows = |lines: &[&'static str]| {
        let lines: Vec<_> = lines.iter().map(|line| (IF_MATCH, *line)).collect();
        let every = [Method::GET, Method::HEAD, Method::DELETE];
        let all = every.map(|one| precondition(&one, &headers(&lines), TAG));
        assert!(all.iter().all(|one| *one == all[0]), "{lines:?}");
        all[0] == Precondition::Holds
    };
    for allowed in
        [&[][..], &["*"], &["\"abc\""], &["\"x\", \"abc\""], &["\"a,b\",\"abc\""]]
    {
        assert!(allows(allowed), "{allowed:?}");
    }
    assert!(allows(&["\"x\"", "\"abc\""]), "a list on two lines");
    for other in ["\"x\"", "W/\"abc\"", "abc", "", "\"x, *\"", "\"x,\"abc\"\"", "**"] {
        assert!(!allows(&[other]), "{other}");
    }
}

#[test]
fn matching_if_none_match_is_not_modified_or_failed() {
    let with = |method: Method, line| {
        precondition(&method, &headers(&[(IF_NONE_MATCH, line)]), TAG)
    };
    for known in ["\"x\", W/\"abc\"", "\"abc\"", "*", "\"a,b\", \"abc\""] {
        assert_eq!(with(Method::GET, known), Precondition::NotModified, "{known}");
        assert_eq!(with(Method::HEAD, known), Precondition::NotModified, "{known}");
        assert_eq!(with(Method::DELETE, known), Precondition::Failed, "{known}");
    }
    for other in ["\"x\"", "abc", "w/\"abc\"", "", "\"*\""] {
        assert_eq!(with(Method::GET, other), Precondition::Holds, "{other}");
    }
}

#[test]
fn conditions_are_evaluated_in_their_order() {
    let (known, old) = ((IF_NONE_MATCH, TAG), (IF_MATCH, "\"old\""));
    let range = (RANGE, "bytes=0-9");
    assert_eq!(get(100, &[known.clone(), old]), Selection::PreconditionFailed);
    assert_eq!(get(100, &[known, range]), Selection::NotModified);
}

#[test]
fn range_applies_only_to_the_version_of_if_range() {
    let range = (RANGE, "bytes=0-9");
    let part = get(100, &[range.clone(), (IF_RANGE, TAG)]);
    assert_eq!(part, Selection::Part(0..=9));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for other in ["\"old\"", "W/\"abc\"", "*", "\"abc\", \"abc\"", "", date] {
        let whole = get(100, &[range.clone(), (IF_RANGE, other)]);
        assert_eq!(whole, Selection::Whole, "{other}");
    }
}
