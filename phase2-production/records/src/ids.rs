//! Who somebody is, as the tables know them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use upload_domain::username::Username;

/// An organisation: 1 to 32 of `a-z 0-9 -`, not starting with `-`. Rows of one are
/// invisible to all others.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrgId(String);

/// The text is no organisation or role.
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
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=32).contains(&text.len());
        if !fits || text.starts_with('-') || !text.bytes().all(plain) {
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

/// What somebody may do.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Their own files.
    Member,
    /// Besides, the people of their organisation and its audit log.
    Admin,
}

impl Role {
    /// The role as the tables hold it.
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

/// A person: the user name alone says who it is, the rest says what they may see and do.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash, Serialize)]
pub struct Member {
    /// Whose rows they may see.
    pub organisation: OrgId,
    /// Unique over all organisations.
    pub username: Username,
    /// What they may do.
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisation_has_one_spelling_and_is_never_nothing() {
        assert_eq!(OrgId::parse("t1").map(|org| org.to_string()).as_deref(), Ok("t1"));
        for bad in ["", "-a", "A", "a b", "a'b", "é", &"x".repeat(33)] {
            assert_eq!(OrgId::parse(bad), Err(NotAnId::Organisation), "{bad:?}");
        }
    }

    #[test]
    fn a_role_reads_back_as_what_it_was_written() {
        for role in [Role::Member, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(NotAnId::Role));
    }
}
