//! Ranges and conditional requests (RFC 9110 §13 and §14).

use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method};
use std::ops::RangeInclusive;

/// Whether the conditions of a request allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// They hold, or there are none.
    Holds,
    /// 304: the caller has this version.
    NotModified,
    /// 412: the caller expects another version.
    Failed,
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
    /// 412: the caller expects another version.
    PreconditionFailed,
    /// 416: the range lies outside the file.
    Unsatisfiable,
}

/// Evaluates `If-Match` and `If-None-Match` for a file with the quoted entity tag `etag`, in
/// the order of §13.2.2. A file has no modification date, so the conditions with dates do not
/// apply (§13.1.3, §13.1.4).
///
/// `If-Match` compares strongly: a weak tag matches nothing (§13.1.1). `If-None-Match` compares
/// weakly (§13.1.2). An unreadable tag matches nothing.
#[must_use]
pub fn precondition(method: &Method, headers: &HeaderMap, etag: &str) -> Precondition {
    let strong = |tag: &[u8]| tag == etag.as_bytes();
    let weak = |tag: &[u8]| strong(tag.strip_prefix(b"W/").unwrap_or(tag));
    if lists(headers, &IF_MATCH, strong) == Some(false) {
        return Precondition::Failed;
    }
    match lists(headers, &IF_NONE_MATCH, weak) {
        None | Some(false) => Precondition::Holds,
        Some(true) if method == Method::GET || method == Method::HEAD => {
            Precondition::NotModified
        }
        Some(true) => Precondition::Failed,
    }
}

/// Selects the response to a request for a file of `size` bytes with the quoted entity tag
/// `etag`.
///
/// A request for several ranges gets the whole file, which §14.2 allows. Multipart responses
/// have let clients multiply a server's work (CVE-2011-3192).
#[must_use]
pub fn select(method: &Method, headers: &HeaderMap, size: u64, etag: &str) -> Selection {
    match precondition(method, headers, etag) {
        Precondition::Failed => return Selection::PreconditionFailed,
        Precondition::NotModified => return Selection::NotModified,
        Precondition::Holds => {}
    }
    let range = only_value(headers, &RANGE);
    // Ranges apply to GET only (§14.2), and to the version that If-Range names (§13.1.5).
    let applies = method == Method::GET
        && (!headers.contains_key(IF_RANGE)
            || only_value(headers, &IF_RANGE) == Some(etag.as_bytes()));
    match range.filter(|_| applies).and_then(single_range) {
        None => Selection::Whole,
        Some(range) => range.select_from(size),
    }
}

/// Whether a list of entity tags has a match or is `*`; `None` without the header. The list
/// may be split over several header lines (§5.3).
fn lists(
    headers: &HeaderMap,
    name: &HeaderName,
    is_match: impl Fn(&[u8]) -> bool,
) -> Option<bool> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    Some(
        lines
            .flat_map(|line| tags(line.as_bytes()))
            .any(|tag| tag == b"*" || is_match(tag)),
    )
}

/// The elements of a list of entity tags. A quoted tag may contain commas (§8.8.3).
fn tags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    let elements = line.split(move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    });
    elements.map(<[u8]>::trim_ascii)
}

/// The value of a header with one line.
fn only_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut lines = headers.get_all(name).iter();
    let only = lines.next()?;
    lines.next().is_none().then(|| only.as_bytes().trim_ascii())
}

/// A byte range as the client writes it (§14.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteRange {
    /// From the first position to the last one, which may be missing.
    Positions(u64, Option<u64>),
    /// The last bytes.
    Suffix(u64),
}

/// The only range of a header. Another unit, several ranges and malformed ones are `None`: such
/// a header is ignored (§14.2).
fn single_range(header: &[u8]) -> Option<ByteRange> {
    let (unit, set) = std::str::from_utf8(header).ok()?.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut ranges = set.split(',').map(str::trim).filter(|range| !range.is_empty());
    let (Some(only), None) = (ranges.next(), ranges.next()) else {
        return None;
    };
    let (first, last) = only.split_once('-')?;
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(ByteRange::Suffix(number(last)?)),
        (false, true) => Some(ByteRange::Positions(number(first)?, None)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(ByteRange::Positions(first, Some(last)))
        }
    }
}

/// A decimal number; one that fits no integer is larger than every file (§14.1.1).
fn number(digits: &str) -> Option<u64> {
    let is_decimal = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| digits.parse().unwrap_or(u64::MAX))
}

impl ByteRange {
    /// The bytes in a file of this size. A suffix longer than the file is the whole file. Of an
    /// empty file that is no part: a part has a first byte.
    fn select_from(self, size: u64) -> Selection {
        match (self, size.checked_sub(1)) {
            (Self::Suffix(1..), None) => Selection::Whole,
            (Self::Suffix(length @ 1..), Some(last)) => {
                Selection::Part(size.saturating_sub(length)..=last)
            }
            (Self::Positions(first, end), Some(last)) if first <= last => {
                Selection::Part(first..=end.unwrap_or(last).min(last))
            }
            (Self::Suffix(0) | Self::Positions(..), _) => Selection::Unsatisfiable,
        }
    }
}

#[cfg(test)]
mod tests;
