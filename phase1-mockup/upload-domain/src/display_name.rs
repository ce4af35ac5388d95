//! The file name that a caller gave. It is only displayed, never used as a path.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The maximum length of a name in bytes of UTF-8. Longer names are cut.
pub const MAX_BYTES: usize = 255;

/// A name that is safe to display and in a header: without control characters, bidi controls
/// (which display `gnp.exe` as `exe.png`) and path separators.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// Accepts any text. Unsafe characters are removed or replaced instead of refused, because
    /// the name is not essential for an upload.
    #[must_use]
    pub fn from_client(text: &str) -> Self {
        let shown = text
            .chars()
            .filter(|c| !c.is_control() && !is_bidi_control(*c))
            .map(|c| if c == '/' || c == '\\' { '_' } else { c });
        let mut name = String::new();
        for c in shown {
            if name.len() + c.len_utf8() > MAX_BYTES {
                break;
            }
            name.push(c);
        }
        let name = name.trim();
        let is_unusable = name.is_empty() || name.chars().all(|c| c == '.');
        Self(if is_unusable { "unnamed".to_owned() } else { name.to_owned() })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of `Content-Disposition` with which browsers save a file instead of displaying
    /// it: an ASCII name for old clients, then the exact name (RFC 6266 §4.3, RFC 8187).
    #[must_use]
    pub fn attachment(&self) -> String {
        let plain: String = self
            .0
            .chars()
            .map(|c| if c.is_ascii() && c != '"' && c != '%' { c } else { '_' })
            .collect();
        let mut exact = String::new();
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                exact.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(exact, "%{byte:02X}");
            }
        }
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
    }
}

/// The explicit bidi controls of Unicode (UAX #9 §2).
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl From<String> for DisplayName {
    fn from(text: String) -> Self {
        Self::from_client(&text)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_name_is_kept() {
        for name in ["notes.txt", "Größe 😀.pdf", "a;b.txt", "a\"b"] {
            assert_eq!(DisplayName::from_client(name).as_str(), name);
        }
    }

    #[test]
    fn unsafe_characters_are_removed() {
        let shown = |text| DisplayName::from_client(text).as_str().to_owned();
        assert_eq!(shown("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(shown("a\r\nSet-Cookie: x"), "aSet-Cookie: x");
        assert_eq!(shown("\u{202e}gnp.exe"), "gnp.exe");
        assert_eq!(shown(".."), "unnamed");
        assert_eq!(shown(""), "unnamed");
    }

    proptest! {
        #[test]
        fn header_is_a_single_ascii_line(text in ".*") {
            let header = DisplayName::from_client(&text).attachment();
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(header.matches('"').count(), 2);
        }

        #[test]
        fn cleaning_a_name_is_idempotent(text in ".*") {
            let once = DisplayName::from_client(&text);
            prop_assert_eq!(DisplayName::from_client(once.as_str()), once.clone());
            prop_assert!(once.as_str().len() <= MAX_BYTES);
        }
    }
}
