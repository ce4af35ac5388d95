//! Account names.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An account name: 1 to 32 of `a-z 0-9 . _ -`, not starting with a dot. It is a safe folder
/// name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(String);

/// The text is not a valid account name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user name is 1 to 32 of a-z 0-9 . _ - and does not start with a dot")]
pub struct NotAUsername;

impl Username {
    /// Parses a name.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, NotAUsername> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        };
        let fits = (1..=32).contains(&text.len());
        if !fits || text.starts_with('.') || !text.bytes().all(plain) {
            return Err(NotAUsername);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Username {
    type Error = NotAUsername;

    fn try_from(text: String) -> Result<Self, NotAUsername> {
        Self::parse(&text)
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_traversal_is_not_a_valid_name() {
        assert!(Username::parse("alice").is_ok());
        for bad in ["", ".", "..", "../bob", "a/b", "Alice", "a b", &"x".repeat(33)] {
            assert_eq!(Username::parse(bad), Err(NotAUsername), "{bad:?}");
        }
    }
}
