//! The wire contract as types: paths, headers, requests, replies and problems.
//!
//! All servers implement it, the conformance suite checks it, and a test compares
//! `docs/api.md` with it. It has no behaviour. Start with `sessions` and `tokens`: they are
//! the whole difference on the wire.

pub mod accounts;
pub mod design;
pub mod events;
pub mod files;
pub mod headers;
pub mod paths;
pub mod problem;
pub mod secret;
pub mod sessions;
pub mod tokens;
pub mod uploads;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A reply without data: the request was carried out.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// One sentence for a human reader.
    pub message: String,
}

/// `GET /readyz` → 200: the server takes requests. The detail of a 503 names the missing
/// dependency.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// `ready`, or `degraded`: a check is not `ok`, but no other replica would do better.
    pub message: String,
    /// Name and result of each dependency check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, String>,
}

/// The body of a login: once per session (stateful) or once per token (stateless).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"username": "alice", "password": "correct-horse"})))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Account name: 1 to 32 of `a-z 0-9 . _ -`.
    pub username: String,
    /// Never printed: its `Debug` form is a placeholder.
    pub password: secret::Secret,
}
