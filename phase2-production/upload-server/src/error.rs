//! Everything that a request can fail of, and what the caller is told.

use crate::limits::TooMany;
use crate::people::LoginError;
use crate::sessions::SessionError;
use crate::tokens::TokenError;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::response::{IntoResponse, Response};
use blobs::BlobError;
use http_edge::refusal::Refusal;
use records::RecordsError;
use upload_domain::file_id::FileId;

/// Seconds after which something that does not answer may do so again: the breaker's
/// half-open time.
const COME_BACK: u32 = 2;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no session id came with the request")]
    NoSessionId,
    #[error("no such session")]
    SessionUnknown,
    #[error("the session has expired")]
    SessionExpired,
    #[error("the session store does not answer")]
    SessionStoreUnavailable,
    #[error("too many sessions")]
    TooManySessions,
    #[error("no proof came with the request")]
    NoProof,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the token is not valid")]
    TokenInvalid,
    #[error("credentials came in the URL")]
    CredentialsInQuery,
    #[error("the login was refused")]
    Login(#[source] LoginError),
    #[error("too many requests")]
    TooManyRequests(TooMany),
    #[error("the caller may not do this")]
    Forbidden,
    #[error("no such user")]
    UserNotFound,
    #[error("the password is not good enough")]
    WeakPassword,
    #[error("nothing at this path")]
    NotFound,
    #[error("no such file")]
    FileNotFound,
    #[error("the page cannot be understood")]
    BadPage,
    #[error("the idempotency key cannot be understood")]
    BadIdempotencyKey,
    #[error("the file is too large for JSON")]
    TooLargeForJson(FileId),
    #[error("the records failed")]
    Records(#[source] RecordsError),
    #[error("the file store failed")]
    Blobs(#[source] BlobError),
    #[error("refused")]
    Refused(Refusal),
    #[error("broken")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A fault of ours: the cause goes to the log and not to the caller.
    pub(crate) fn broken(
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken(cause.into())
    }

    /// The one place where a failure becomes a status.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::NoSessionId
            | Self::SessionUnknown
            | Self::SessionExpired
            | Self::NoProof
            | Self::TokenExpired
            | Self::TokenInvalid => self.unproven(),
            Self::TooManySessions => {
                Refusal::new(ProblemKind::TooManySessions).retry_after(30)
            }
            Self::Login(error) => login_refusal(error),
            Self::TooManyRequests(TooMany { retry_after_s }) => {
                Refusal::new(ProblemKind::TooManyRequests).retry_after(retry_after_s)
            }
            Self::BadPage => Refusal::new(ProblemKind::MalformedRequest)
                .detail("limit is 1 to 200; cursor is the next_cursor of a page before."),
            Self::BadIdempotencyKey => Refusal::new(ProblemKind::MalformedRequest)
                .detail("Idempotency-Key is 1 to 255 visible ASCII characters."),
            Self::TooLargeForJson(id) => {
                let url = paths::file_content(&id.to_string());
                Refusal::new(ProblemKind::ContentTooLargeForJson)
                    .detail(format!("Read the bytes at {url}"))
            }
            Self::WeakPassword => Refusal::new(ProblemKind::WeakPassword)
                .detail("A new password has 15 to 1024 bytes and is not the old one."),
            Self::SessionStoreUnavailable => later(ProblemKind::SessionStoreUnavailable),
            Self::Records(error) => records_refusal(error),
            Self::Blobs(error) => blobs_refusal(error),
            Self::Broken(cause) => internal(&*cause),
            Self::Refused(refusal) => refusal,
            Self::CredentialsInQuery => Refusal::new(ProblemKind::CredentialsInQuery),
            Self::Forbidden => Refusal::new(ProblemKind::Forbidden),
            Self::UserNotFound => Refusal::new(ProblemKind::UserNotFound),
            Self::NotFound => Refusal::new(ProblemKind::NotFound),
            Self::FileNotFound => Refusal::new(ProblemKind::FileNotFound),
        }
    }
}

impl Error {
    /// A proof that is missing or does not count: which of its checks failed is not said.
    fn unproven(&self) -> Refusal {
        match self {
            Self::NoSessionId => for_sessions(ProblemKind::SessionUnknown)
                .detail("Log in, then send the session id as X-Session-ID or cookie."),
            Self::SessionExpired => for_sessions(ProblemKind::SessionExpired)
                .detail("The session was silent or alive for too long. Log in again."),
            Self::NoProof => for_tokens(ProblemKind::InvalidCredentials)
                .detail("Send a token or a password with each request."),
            Self::TokenExpired => for_tokens(ProblemKind::TokenExpired)
                .detail("Its time is up. Refresh it, or log in again."),
            Self::TokenInvalid => for_tokens(ProblemKind::TokenInvalid)
                .detail("This is no token that counts here. Log in."),
            _ => for_sessions(ProblemKind::SessionUnknown)
                .detail("No such session is known here. Log in."),
        }
    }
}

fn login_refusal(error: LoginError) -> Refusal {
    match error {
        LoginError::Wrong => for_tokens(ProblemKind::InvalidCredentials),
        LoginError::Busy(_) => Refusal::new(ProblemKind::TooManyLogins).retry_after(1),
        LoginError::TooMany(TooMany { retry_after_s }) => {
            Refusal::new(ProblemKind::TooManyAttempts).retry_after(retry_after_s)
        }
        LoginError::Records(error) => records_refusal(error),
    }
}

fn records_refusal(error: RecordsError) -> Refusal {
    match error {
        RecordsError::Unavailable(cause) | RecordsError::InDoubt(cause) => {
            tracing::error!(%cause, "the records do not answer");
            later(ProblemKind::RecordsUnavailable)
        }
        RecordsError::NoSpace(cause) => {
            tracing::error!(%cause, "the records have no room");
            Refusal::new(ProblemKind::InsufficientStorage).retry_after(60)
        }
        error @ RecordsError::Broken(_) => internal(&error),
    }
}

fn blobs_refusal(error: BlobError) -> Refusal {
    match error {
        BlobError::TooLarge { limit } => http_edge::upload_form::too_large(limit),
        BlobError::BrokenBody(cause) => http_edge::upload_form::broken(cause.as_ref()),
        BlobError::NoSpace(cause) => {
            tracing::error!(%cause, "the file store has no room");
            Refusal::new(ProblemKind::InsufficientStorage).retry_after(60)
        }
        BlobError::Unavailable(cause) => {
            tracing::error!(%cause, "the file store does not answer");
            later(ProblemKind::FileStoreUnavailable)
        }
        error => internal(&error),
    }
}

fn for_sessions(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).challenge("Session realm=\"upload\"")
}

fn for_tokens(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).challenge("Bearer realm=\"upload\", Basic realm=\"upload\"")
}

fn later(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).retry_after(COME_BACK)
}

/// The cause goes to the log and not to the caller.
fn internal(cause: &dyn std::error::Error) -> Refusal {
    let source = cause.source().map(ToString::to_string);
    tracing::error!(%cause, source, "request failed");
    Refusal::new(ProblemKind::Internal)
}

impl From<SessionError> for Error {
    fn from(reason: SessionError) -> Self {
        match reason {
            SessionError::Unknown => Self::SessionUnknown,
            SessionError::Expired => Self::SessionExpired,
            SessionError::TooMany => Self::TooManySessions,
            SessionError::CannotKnow => Self::SessionStoreUnavailable,
        }
    }
}

impl From<TokenError> for Error {
    fn from(reason: TokenError) -> Self {
        match reason {
            TokenError::Expired => Self::TokenExpired,
            TokenError::Invalid => Self::TokenInvalid,
            TokenError::CannotKnow => Self::SessionStoreUnavailable,
            TokenError::Records(error) => Self::Records(error),
            TokenError::Broken(cause) => Self::Broken(cause),
        }
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        Self::Login(error)
    }
}

impl From<TooMany> for Error {
    fn from(error: TooMany) -> Self {
        Self::TooManyRequests(error)
    }
}

impl From<RecordsError> for Error {
    fn from(error: RecordsError) -> Self {
        Self::Records(error)
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.refusal().into_response()
    }
}
