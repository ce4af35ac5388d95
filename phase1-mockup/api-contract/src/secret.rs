//! Secrets: text that must not be logged.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A password, session id or token. `Debug` prints a placeholder, so a derived `Debug` of a
/// surrounding type cannot leak it (OWASP ASVS 16.2.5).
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(format = "password"))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps text that must not be printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. A review should check each call.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_serializes_as_text_but_debug_hides_it() {
        let secret = Secret::new("hunter2");
        assert_eq!(serde_json::to_string(&secret).unwrap(), r#""hunter2""#);
        assert_eq!(format!("{secret:?}"), "[secret]");
    }
}
