//! Errors of a request, and the problem detail for each.

use crate::accounts::LoginError;
use crate::limits::TooMany;
use crate::sessions::SessionError;
use crate::tokens::TokenError;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::response::{IntoResponse, Response};
use blobs::BlobError;
use http_edge::refusal::Refusal;
use records::RecordsError;
use upload_domain::file_id::FileId;

/// `Retry-After` in seconds while a store is unavailable: the half-open time of the
/// circuit breaker.
const RETRY_AFTER_S: u32 = 2;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has no session id")]
    NoSessionId,
    #[error("no such session")]
    SessionUnknown,
    #[error("the session has expired")]
    SessionExpired,
    #[error("the session store does not answer")]
    SessionStoreUnavailable,
    #[error("too many sessions")]
    TooManySessions,
    #[error("the request has no credential")]
    NoCredential,
    #[error("the token has expired")]
    TokenExpired,
    #[error("the token is not valid")]
    TokenInvalid,
    #[error("the login was refused")]
    Login(#[source] LoginError),
    #[error("too many requests")]
    TooManyRequests(TooMany),
    #[error("the account ended during the request")]
    AccountEnded,
    #[error("the caller lacks the required role")]
    Forbidden,
    #[error("no such user")]
    UserNotFound,
    #[error("the organisation would have no admin")]
    LastAdmin,
    #[error("the service would have no operator")]
    LastOperator,
    #[error("the new password is too weak")]
    WeakPassword,
    #[error("no such path")]
    NotFound,
    #[error("no such file")]
    FileNotFound,
    #[error("the page parameters are malformed")]
    BadPage,
    #[error("the filter is malformed")]
    BadFilter,
    #[error("the idempotency key is malformed")]
    BadIdempotencyKey,
    #[error("the file is too large for JSON")]
    TooLargeForJson(FileId),
    #[error("the database failed")]
    Records(#[source] RecordsError),
    #[error("the file store failed")]
    Blobs(#[source] BlobError),
    #[error("the request was refused")]
    Refused(Refusal),
    #[error("internal error")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An internal fault. The cause goes to the log, never to the caller.
    pub(crate) fn broken(
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken(cause.into())
    }

    /// Maps an error to a status and a problem. No other place does.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::NoSessionId
            | Self::SessionUnknown
            | Self::SessionExpired
            | Self::NoCredential
            | Self::TokenExpired
            | Self::TokenInvalid => self.unauthenticated(),
            Self::TooManySessions => {
                Refusal::new(ProblemKind::TooManySessions).retry_after(30)
            }
            Self::Login(error) => login_refusal(error),
            Self::TooManyRequests(TooMany { retry_after_s }) => {
                Refusal::new(ProblemKind::TooManyRequests).retry_after(retry_after_s)
            }
            Self::BadPage | Self::BadFilter | Self::BadIdempotencyKey => self.malformed(),
            Self::TooLargeForJson(id) => {
                let url = paths::file_content(&id.to_string());
                Refusal::new(ProblemKind::ContentTooLargeForJson)
                    .detail(format!("Download the file at {url} instead."))
            }
            Self::WeakPassword
            | Self::AccountEnded
            | Self::LastAdmin
            | Self::LastOperator => self.about_account(),
            Self::SessionStoreUnavailable => retry(ProblemKind::SessionStoreUnavailable),
            Self::Records(error) => records_refusal(error),
            Self::Blobs(error) => blobs_refusal(error),
            Self::Broken(cause) => internal(&*cause),
            Self::Refused(refusal) => refusal,
            Self::Forbidden => Refusal::new(ProblemKind::Forbidden),
            Self::UserNotFound => Refusal::new(ProblemKind::UserNotFound),
            Self::NotFound => Refusal::new(ProblemKind::NotFound),
            Self::FileNotFound => Refusal::new(ProblemKind::FileNotFound),
        }
    }
}

impl Error {
    /// The request has an invalid value.
    fn malformed(&self) -> Refusal {
        let detail = match self {
            Self::BadPage => "limit must be 1 to 200, cursor the next_cursor of a page.",
            Self::BadFilter => "request_id must be the X-Request-ID of a reply.",
            _ => "Idempotency-Key must have 1 to 255 visible ASCII characters.",
        };
        Refusal::new(ProblemKind::MalformedRequest).detail(detail)
    }

    /// The state of an account, or of the accounts beside it, does not allow the request.
    fn about_account(&self) -> Refusal {
        let (kind, detail) = match self {
            Self::WeakPassword => (
                ProblemKind::WeakPassword,
                "Choose another password, of 15 to 1024 bytes.",
            ),
            Self::LastAdmin => (
                ProblemKind::LastAdmin,
                "Make another account of the organisation an admin first.",
            ),
            Self::LastOperator => {
                (ProblemKind::LastOperator, "Make another account an operator first.")
            }
            _ => (
                ProblemKind::Forbidden,
                "The account was disabled or signed out since this was started. Log in \
                 and start again.",
            ),
        };
        Refusal::new(kind).detail(detail)
    }

    /// The credential is missing or invalid. The detail does not say which check failed.
    fn unauthenticated(&self) -> Refusal {
        match self {
            Self::NoSessionId => for_sessions(ProblemKind::SessionUnknown)
                .detail("Log in, then send the session id as X-Session-ID or cookie."),
            Self::SessionExpired => for_sessions(ProblemKind::SessionExpired)
                .detail("The session was idle or open for too long. Log in again."),
            Self::NoCredential => for_tokens(ProblemKind::InvalidCredentials)
                .detail("Send a token or a password with each request."),
            Self::TokenExpired => for_tokens(ProblemKind::TokenExpired)
                .detail("The access token has expired. Refresh it, or log in again."),
            Self::TokenInvalid => for_tokens(ProblemKind::TokenInvalid)
                .detail("The token is not valid on this server. Log in again."),
            _ => for_sessions(ProblemKind::SessionUnknown)
                .detail("This server has no such session. Log in."),
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
        LoginError::Hash(error) => internal(&error),
    }
}

fn records_refusal(error: RecordsError) -> Refusal {
    match error {
        RecordsError::Unavailable(cause) | RecordsError::InDoubt(cause) => {
            tracing::error!(%cause, "the database does not answer");
            retry(ProblemKind::RecordsUnavailable)
        }
        RecordsError::NoSpace(cause) => {
            tracing::error!(%cause, "the database is full");
            Refusal::new(ProblemKind::InsufficientStorage).retry_after(60)
        }
        error @ RecordsError::Broken(_) => internal(&error),
    }
}

fn blobs_refusal(error: BlobError) -> Refusal {
    match error {
        BlobError::TooLarge { limit } => http_edge::upload_form::too_large(limit),
        BlobError::BrokenBody(cause) => {
            http_edge::upload_form::read_error(cause.as_ref())
        }
        BlobError::NoSpace(cause) => {
            tracing::error!(%cause, "the file store is full");
            Refusal::new(ProblemKind::InsufficientStorage).retry_after(60)
        }
        // A local disk that is read-only, or a process without a free file descriptor: the
        // next attempt, or another replica, may have neither.
        BlobError::Unavailable(cause) | BlobError::Disk(cause) => {
            tracing::error!(%cause, "the file store does not answer");
            retry(ProblemKind::FileStoreUnavailable)
        }
        error @ BlobError::AnotherStore => {
            tracing::error!(%error);
            retry(ProblemKind::FileStoreUnavailable)
        }
        error @ BlobError::NotFound => internal(&error),
    }
}

fn for_sessions(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).challenge("Session realm=\"upload\"")
}

fn for_tokens(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).challenge("Bearer realm=\"upload\", Basic realm=\"upload\"")
}

fn retry(kind: ProblemKind) -> Refusal {
    Refusal::new(kind).retry_after(RETRY_AFTER_S)
}

/// The cause goes to the log, never to the caller.
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
            SessionError::TooManyUnknown { retry_after_s } => {
                LoginError::from(TooMany { retry_after_s }).into()
            }
            SessionError::Unavailable => Self::SessionStoreUnavailable,
        }
    }
}

impl From<TokenError> for Error {
    fn from(reason: TokenError) -> Self {
        match reason {
            TokenError::Expired => Self::TokenExpired,
            TokenError::Invalid => Self::TokenInvalid,
            TokenError::Unavailable => Self::SessionStoreUnavailable,
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
