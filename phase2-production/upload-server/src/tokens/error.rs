//! Why a token is no proof.

use records::RecordsError;

/// Why a token is no proof.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Genuine, and its time is up.
    #[error("the token has expired")]
    Expired,
    /// Anything else. Which check failed helps only whoever forges tokens.
    #[error("the token is not valid")]
    Invalid,
    /// Those who know whether it was ended do not answer: it may be good, so no "no".
    #[error("whether the token is valid cannot be known now")]
    CannotKnow,
    /// Nothing can be written down.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// Our own fault.
    #[error("tokens cannot be made")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TokenError {
    pub(super) fn broken(
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken(cause.into())
    }
}

/// What a signature alone says of a text.
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
