//! People: one's own account, and what admins may do (Phase 2).

use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// `POST /api/account/password`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub current: Secret,
    /// The password from now on: 15 to 1024 bytes (NIST SP 800-63B-4 §3.1.1.2).
    pub new: Secret,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PersonRole {
    /// Their own files.
    Member,
    /// Besides, the people of their organisation and its audit log.
    Admin,
}

/// One row of `GET /api/admin/users`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name they log in with.
    pub username: String,
    /// What they may do.
    pub role: PersonRole,
    /// Whether they may log in.
    pub disabled: bool,
}

/// `GET /api/admin/users` → 200.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct People {
    /// Everybody of the caller's organisation, by name.
    pub users: Vec<Person>,
}

/// `PATCH /api/admin/users/{username}`: what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// Another role; all proofs of the old one die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<PersonRole>,
    /// Whether they may log in; a disabled user's proofs die.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// One row of `GET /api/admin/audit`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The `X-Request-ID` of the request that did it.
    pub request_id: String,
    /// Who did it.
    pub actor: String,
    /// What was done, such as `file.stored`.
    pub action: String,
    /// To what or whom.
    pub subject: String,
}

/// `GET /api/admin/audit` → 200, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// At most 200.
    pub entries: Vec<AuditEntry>,
}
