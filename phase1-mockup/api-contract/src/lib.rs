//! The wire contract, written once: paths, headers, requests, replies and problems.
//!
//! Every server here speaks it, the conformance checks read it, and `docs/api.md` is
//! tested against it. It holds no behaviour: only what two programs must agree on.
//! Read `sessions` beside `tokens` first; that is the whole difference on the wire.

pub mod files;
pub mod headers;
pub mod paths;
pub mod problem;
pub mod secret;
pub mod sessions;
pub mod tokens;

use serde::{Deserialize, Serialize};

/// A reply that says only that something was done.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// One sentence for a person.
    pub message: String,
}

/// What a person proves once (stateful) or each time (stateless).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Account name: 1 to 32 of `a-z 0-9 . _ -`.
    pub username: String,
    /// Never printed: its `Debug` form is a placeholder.
    pub password: secret::Secret,
}
