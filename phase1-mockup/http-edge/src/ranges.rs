//! Ranges and conditional requests (RFC 9110 §13 and §14).

use http::header::IF_MATCH;
use http::{HeaderMap, HeaderValue};
use http_range_header::{EndPosition, StartPosition, SyntacticallyCorrectRange};
use std::ops::RangeInclusive;

/// The request headers that decide, unparsed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `Range`.
    pub range: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// `If-Range`.
    pub if_range: Option<&'a str>,
}

/// The response to a request for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// 200 with everything.
    Whole,
    /// 206 with these bytes.
    Part(RangeInclusive<u64>),
    /// 304: the caller has this version.
    NotModified,
    /// 416: the range lies outside the file.
    Unsatisfiable,
}

/// Selects the response for a file of `size` bytes with the quoted entity tag `etag`.
///
/// A request for several ranges gets the whole file, which RFC 9110 §14.2 allows.
/// Multipart responses have let clients multiply a server's work (CVE-2011-3192).
#[must_use]
pub fn select(size: u64, etag: &str, conditions: Conditions<'_>) -> Selection {
    if conditions.if_none_match.is_some_and(|header| lists(header, etag)) {
        return Selection::NotModified;
    }
    let fresh = conditions.if_range.is_none_or(|header| header.trim() == etag);
    let Some(range) = conditions.range.filter(|_| fresh) else {
        return Selection::Whole;
    };
    let Ok(parsed) = http_range_header::parse_range_header(range) else {
        return Selection::Whole;
    };
    match parsed.ranges.as_slice() {
        [one] => resolve(*one, size).map_or(Selection::Unsatisfiable, Selection::Part),
        _ => Selection::Whole,
    }
}

/// The bytes of one range in a file of this size; [`None`] when there are none. A suffix
/// longer than the file means the whole file (§14.1.2).
fn resolve(range: SyntacticallyCorrectRange, size: u64) -> Option<RangeInclusive<u64>> {
    let last = size.checked_sub(1)?;
    let first = match range.start {
        StartPosition::Index(first) => first,
        StartPosition::FromLast(length) => size.saturating_sub(length),
    };
    let end = match range.end {
        EndPosition::Index(end) => end.min(last),
        EndPosition::LastByte => last,
    };
    (first <= end).then_some(first..=end)
}

/// Whether `If-Match` allows a change to a file with the quoted entity tag `etag`; true
/// without the header. Strong comparison: a weak tag matches nothing (§13.1.1).
#[must_use]
pub fn if_match_allows(headers: &HeaderMap, etag: &str) -> bool {
    let mut lines = headers.get_all(IF_MATCH).iter().peekable();
    let names = |line: &HeaderValue| {
        let mut listed = line.to_str().unwrap_or_default().split(',').map(str::trim);
        listed.any(|listed| listed == "*" || listed == etag)
    };
    lines.peek().is_none() || lines.any(names)
}

/// Whether an `If-None-Match` list names the tag; weak comparison (§13.1.2).
fn lists(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|listed| {
        listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn ranged(range: &str) -> Selection {
        select(100, TAG, Conditions { range: Some(range), ..Conditions::default() })
    }

    #[test]
    fn one_valid_range_selects_part_else_whole() {
        assert_eq!(ranged("bytes=0-9"), Selection::Part(0..=9));
        assert_eq!(ranged("bytes=90-"), Selection::Part(90..=99));
        assert_eq!(ranged("bytes=-10"), Selection::Part(90..=99));
        assert_eq!(ranged("bytes=0-1,5-6"), Selection::Whole);
        assert_eq!(ranged("lines=1-2"), Selection::Whole);
    }

    #[test]
    fn range_past_end_is_cut_or_unsatisfiable() {
        assert_eq!(ranged("bytes=50-5000"), Selection::Part(50..=99));
        assert_eq!(ranged("bytes=100-"), Selection::Unsatisfiable);
        assert_eq!(ranged("bytes=-500"), Selection::Part(0..=99));
    }

    #[test]
    fn empty_file_has_no_satisfiable_range() {
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let conditions = Conditions { range: Some(range), ..Conditions::default() };
            assert_eq!(select(0, TAG, conditions), Selection::Unsatisfiable);
        }
    }

    #[test]
    fn if_match_allows_change_for_current_tag_or_absent() {
        let allows = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(IF_MATCH, HeaderValue::from_static(line));
            }
            if_match_allows(&headers, TAG)
        };
        for allowed in [&[][..], &["*"], &["\"abc\""], &["\"x\", \"abc\""]] {
            assert!(allows(allowed), "{allowed:?}");
        }
        assert!(allows(&["\"x\"", "\"abc\""]), "a list on two lines");
        for other in ["\"x\"", "W/\"abc\"", "abc", ""] {
            assert!(!allows(&[other]), "{other}");
        }
    }

    #[test]
    fn matching_if_none_match_returns_304() {
        let known = |header| {
            let conditions =
                Conditions { if_none_match: Some(header), ..Conditions::default() };
            select(100, TAG, conditions)
        };
        assert_eq!(known("\"x\", W/\"abc\""), Selection::NotModified);
        assert_eq!(known("*"), Selection::NotModified);
        assert_eq!(known("\"x\""), Selection::Whole);
    }

    #[test]
    fn outdated_if_range_returns_whole_file() {
        let conditions = Conditions {
            range: Some("bytes=0-9"),
            if_range: Some("\"old\""),
            ..Conditions::default()
        };
        assert_eq!(select(100, TAG, conditions), Selection::Whole);
    }
}
