//! What a caller calls a file. Shown to people, never used to find anything on disk.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The longest name kept, in bytes of UTF-8.
pub const MAX_BYTES: usize = 255;

/// A name that is safe to show and to send back: no control characters, no marks that
/// reverse the reading direction (`gnp.exe` shown as `exe.png`), no path separators.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// Takes any text; what is not fit to show is dropped or replaced, not refused: the
    /// name is the least important part of an upload.
    #[must_use]
    pub fn from_client(text: &str) -> Self {
        let shown = text
            .chars()
            .filter(|c| !c.is_control() && !turns_text_around(*c))
            .map(|c| if c == '/' || c == '\\' { '_' } else { c });
        let mut name = String::new();
        for c in shown {
            if name.len() + c.len_utf8() > MAX_BYTES {
                break;
            }
            name.push(c);
        }
        let name = name.trim();
        let is_nothing = name.is_empty() || name.chars().all(|c| c == '.');
        Self(if is_nothing { "unnamed".to_owned() } else { name.to_owned() })
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of `Content-Disposition` that makes a browser save instead of show:
    /// plain ASCII for old clients, then the exact name (RFC 6266 §4.3, RFC 8187).
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

/// Unicode's explicit directional controls (UAX #9 §2).
const fn turns_text_around(c: char) -> bool {
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
    fn an_ordinary_name_is_kept_as_it_is() {
        for name in ["notes.txt", "Größe 😀.pdf", "a;b.txt", "a\"b"] {
            assert_eq!(DisplayName::from_client(name).as_str(), name);
        }
    }

    #[test]
    fn paths_controls_and_direction_marks_do_not_survive() {
        let shown = |text| DisplayName::from_client(text).as_str().to_owned();
        assert_eq!(shown("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(shown("a\r\nSet-Cookie: x"), "aSet-Cookie: x");
        assert_eq!(shown("\u{202e}gnp.exe"), "gnp.exe");
        assert_eq!(shown(".."), "unnamed");
        assert_eq!(shown(""), "unnamed");
    }

    proptest! {
        #[test]
        fn the_header_is_one_plain_line_whatever_the_name(text in ".*") {
            let header = DisplayName::from_client(&text).attachment();
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
            prop_assert_eq!(header.matches('"').count(), 2);
        }

        #[test]
        fn a_cleaned_name_is_clean_already(text in ".*") {
            let once = DisplayName::from_client(&text);
            prop_assert_eq!(DisplayName::from_client(once.as_str()), once.clone());
            prop_assert!(once.as_str().len() <= MAX_BYTES);
        }
    }
}
