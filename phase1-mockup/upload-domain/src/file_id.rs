//! The id that the server gives a file.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// A UUID version 7 (RFC 9562). It starts with the time, so ids sort by age. It is not a secret:
/// access depends on the owner, never on knowledge of the id.
#[derive(
    Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize,
)]
#[serde(transparent)]
pub struct FileId(Uuid);

impl FileId {
    /// A new id, greater than all earlier ids of this process.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// Parses an id in the form of [`fmt::Display`]; `None` for any other text, so that each file
    /// has exactly one URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl Default for FileId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_have_one_form() {
        let (first, second) = (FileId::new(), FileId::new());
        assert!(first.to_string() < second.to_string());
        assert_eq!(FileId::parse(&first.to_string()), Some(first));
        assert_eq!(FileId::parse(&first.to_string().to_uppercase()), None);
        assert_eq!(FileId::parse("../alice"), None);
    }
}
