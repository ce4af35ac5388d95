//! Accounts: the caller's own, and those that an admin manages (Phase 2).

use crate::secret::Secret;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// `POST /api/account/password`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"current": "correct-horse", "new": "correct-horse-battery"})))]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The current password.
    pub current: Secret,
    /// The new password: 15 to 1024 bytes (NIST SP 800-63B-4 §3.1.1.2).
    pub new: Secret,
}

/// The permissions of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AccountRole {
    /// The own files only.
    Member,
    /// In addition, the accounts of the own organisation and its audit log.
    Admin,
}

/// As text only: a derived enum also takes an object such as `{"admin":null}`.
impl<'de> Deserialize<'de> for AccountRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            other => Err(D::Error::unknown_variant(other, &["member", "admin"])),
        }
    }
}

/// One row of `GET /api/admin/users`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The login name.
    pub username: String,
    /// The permissions.
    pub role: AccountRole,
    /// Whether login is refused.
    pub disabled: bool,
    /// Whether it may rotate the signing keys of the whole service.
    pub operator: bool,
}

/// `GET /api/admin/users` → 200.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// All accounts of the caller's organisation, ordered by name.
    pub users: Vec<Account>,
}

/// `PATCH /api/admin/users/{username}`: absent members stay unchanged.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(example = json!({"role": "member"})))]
#[serde(deny_unknown_fields)]
pub struct AccountUpdate {
    /// A new role; ends all sessions and tokens of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<AccountRole>,
    /// `true` refuses further logins and ends all sessions and tokens of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// Whether it may rotate the signing keys of the whole service. Only an operator may
    /// change this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<bool>,
}

/// One row of `GET /api/admin/audit`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The `X-Request-ID` of the request that did the action.
    pub request_id: String,
    /// The account that did it.
    pub actor: String,
    /// The audited action, such as `file.stored`.
    pub action: String,
    /// The file, account or key that was acted on.
    pub subject: String,
}

/// `GET /api/admin/audit` → 200, newest first.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// At most 200 entries.
    pub entries: Vec<AuditEntry>,
}
