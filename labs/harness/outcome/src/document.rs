//! The head of a JSON document: the name of its schema and the schema's version.

use serde::Serialize;

/// A JSON document with `schema` and `version` as its first members. The schemas are in
/// `docs/schemas`, explained in `docs/json.md`.
#[derive(Clone, Debug, Serialize)]
pub struct Document<T> {
    /// The schema's name, such as `lab-demo`.
    pub schema: &'static str,
    /// Increases when a member is renamed or removed, or its meaning changes. An added
    /// member leaves it as it is.
    pub version: u32,
    /// The other members.
    #[serde(flatten)]
    pub body: T,
}

impl<T> Document<T> {
    /// Puts the head before a body, which has to serialize to an object.
    #[must_use]
    pub const fn new(schema: &'static str, version: u32, body: T) -> Self {
        Self { schema, version, body }
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn schema_and_version_come_first() {
        let body = std::collections::BTreeMap::from([("answer", 42)]);
        let json = serde_json::to_string(&Document::new("lab-x", 1, body));
        let expected = r#"{"schema":"lab-x","version":1,"answer":42}"#;
        assert_eq!(json.expect("JSON"), expected);
    }
}
