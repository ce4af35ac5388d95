//! The wire contract, written once: paths, headers, requests, replies and problems.
//!
//! Every server here speaks it, the conformance checks read it, and `docs/api.md` is
//! tested against it. It holds no behaviour: only what two programs must agree on.
//! Read `sessions` beside `tokens` first; that is the whole difference on the wire.

pub mod design;
pub mod events;
pub mod files;
pub mod headers;
pub mod paths;
pub mod people;
pub mod problem;
pub mod secret;
pub mod sessions;
pub mod tokens;
pub mod uploads;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A reply that says only that something was done.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// One sentence for a person.
    pub message: String,
}

/// `GET /readyz` → 200: send it work. The 503 says in its detail what is missing.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// `ready`, or `degraded`: something is not `ok`, and no other replica is better off.
    pub message: String,
    /// What the server looked at, and how it found it (Phase 2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
}

/// What a person proves once (stateful) or each time (stateless).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Account name: 1 to 32 of `a-z 0-9 . _ -`.
    pub username: String,
    /// Never printed: its `Debug` form is a placeholder.
    pub password: secret::Secret,
}
