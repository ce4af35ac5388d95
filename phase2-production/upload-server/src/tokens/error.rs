//! Reasons why a token is rejected.

use records::RecordsError;

/// Reasons why a token is rejected.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Genuine but expired.
    #[error("the token has expired")]
    Expired,
    /// Any other defect. The failed check is not named, because that would help a forger.
    #[error("the token is not valid")]
    Invalid,
    /// The stores that know revocations do not answer, so the token may be valid.
    #[error("the token cannot be checked now")]
    Unavailable,
    /// The database does not answer.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// An internal fault.
    #[error("tokens cannot be issued")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TokenError {
    pub(super) fn broken(
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken(cause.into())
    }
}

/// Result of the signature check alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadToken {
    Expired,
    Invalid,
}

impl From<BadToken> for TokenError {
    fn from(reason: BadToken) -> Self {
        match reason {
            BadToken::Expired => Self::Expired,
            BadToken::Invalid => Self::Invalid,
        }
    }
}
