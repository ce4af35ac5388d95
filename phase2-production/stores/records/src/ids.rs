//! Identities of accounts, as stored in the tables.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use upload_domain::username::Username;

/// An organisation's name: 1 to 32 of `a-z 0-9 -`, not starting with `-`. Other
/// organisations cannot see its rows.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgId(String);

/// The text is not a valid organisation or role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    /// See [`OrgId`].
    #[error("an organisation is 1 to 32 of a-z 0-9 - and does not start with -")]
    Organisation,
    /// See [`Role`].
    #[error("a role is member or admin")]
    Role,
}

impl OrgId {
    /// Reads an organisation's name.
    ///
    /// # Errors
    /// When it has another form.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let is_allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=32).contains(&text.len());
        if !fits || text.starts_with('-') || !text.bytes().all(is_allowed) {
            return Err(NotAnId::Organisation);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OrgId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        Self::parse(&text)
    }
}

impl From<OrgId> for String {
    fn from(organisation: OrgId) -> Self {
        organisation.0
    }
}

impl FromStr for OrgId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::parse(text)
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The rights of an account.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Access to the account's own files.
    Member,
    /// Also the accounts of the organisation and its audit log.
    Admin,
}

impl Role {
    /// The role as stored in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text {
            "member" => Ok(Self::Member),
            "admin" => Ok(Self::Admin),
            _ => Err(NotAnId::Role),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The identity of an account. The user name is unique; organisation and role determine
/// its rights.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// The organisation with the rows that the account may see.
    pub organisation: OrgId,
    /// Unique across all organisations.
    pub username: Username,
    /// The account's rights.
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_organisation_name_is_refused() {
        assert_eq!(OrgId::parse("t1").map(|org| org.to_string()).as_deref(), Ok("t1"));
        for bad in ["", "-a", "A", "a b", "a'b", "é", &"x".repeat(33)] {
            assert_eq!(OrgId::parse(bad), Err(NotAnId::Organisation), "{bad:?}");
        }
    }

    #[test]
    fn role_survives_a_round_trip_through_text() {
        for role in [Role::Member, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(NotAnId::Role));
    }
}
