//! The file of a SQLite database.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The file of a SQLite database with this URL; [`None`] if it is not SQLite.
///
/// The path in the URL is percent-encoded, and the file system does not know its escapes.
#[must_use]
pub fn sqlite_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    Some(OsString::from_vec(percent_decoded(path)).into())
}

/// The bytes of a percent-encoded text. A `%` without two digits stands for itself (URL
/// Standard, "percent-decode").
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = if *first == b'%' { escaped_byte(after) } else { None };
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    decoded
}

/// The byte of the two hexadecimal digits at the start.
fn escaped_byte(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else { return None };
    let digit = |letter: &u8| char::from(*letter).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_file_is_percent_decoded() {
        for (url, file) in [
            ("sqlite:///tmp/a%20b/records.sqlite", "/tmp/a b/records.sqlite"),
            ("sqlite:///tmp/%C3%BC/records.sqlite?mode=rwc", "/tmp/ü/records.sqlite"),
            ("sqlite:///tmp/ü/100%/%4/%+1", "/tmp/ü/100%/%4/%+1"),
            ("sqlite:///tmp/%2520/a.sqlite", "/tmp/%20/a.sqlite"),
            ("sqlite://data/a.sqlite", "data/a.sqlite"),
            ("sqlite:a.sqlite?mode=rwc", "a.sqlite"),
        ] {
            assert_eq!(sqlite_file(url), Some(PathBuf::from(file)), "{url}");
        }
        assert_eq!(sqlite_file("postgres://127.0.0.1/records"), None);
    }
}
