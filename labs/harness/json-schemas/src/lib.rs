//! Validates JSON documents against the schemas in `docs/schemas`. For tests only.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Validation errors that are reported at once.
const MAX_REPORTED: usize = 10;

/// The folder of the schemas.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/schemas")
}

/// Reads a schema by its name, such as `lab-demo`.
///
/// # Errors
/// When there is no such schema or it is not JSON.
pub fn schema(name: &str) -> Result<Value, String> {
    let path = folder().join(format!("{name}.schema.json"));
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Validates a document against the schema that its member `schema` names.
///
/// # Errors
/// The differences, one a line.
pub fn validate(document: &Value) -> Result<(), String> {
    let name = document["schema"].as_str().ok_or("the document names no schema")?;
    let validator =
        jsonschema::validator_for(&schema(name)?).map_err(|error| error.to_string())?;
    let errors = validator.iter_errors(document).take(MAX_REPORTED);
    let errors: Vec<_> =
        errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(format!("not a valid {name}:\n{}", errors.join("\n"))),
    }
}

/// Asserts that a document is valid.
///
/// # Panics
/// When it is not.
#[track_caller]
pub fn assert_valid(document: &Value) {
    if let Err(differences) = validate(document) {
        panic!("{differences}\n{document:#}");
    }
}
