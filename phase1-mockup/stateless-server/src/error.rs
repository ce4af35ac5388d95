//! All errors of requests, and their problem replies.

use crate::tokens::BadToken;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use axum::response::{IntoResponse, Response};
use http_edge::refusal::Refusal;
use http_edge::upload_form;
use std::io;
use upload_domain::accounts::LoginError;
use upload_domain::file_id::FileId;
use upload_domain::file_store::StoreError;
use upload_domain::receive_error::ReceiveError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the request has no credential")]
    NoCredential,
    #[error("the token is not valid")]
    TokenInvalid,
    #[error("the token has expired")]
    TokenExpired,
    #[error("a token cannot be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    #[error("the login was refused")]
    Login(#[from] LoginError),
    #[error("no such file")]
    FileNotFound,
    #[error("the page parameters are invalid")]
    BadPage,
    #[error("the idempotency key is invalid")]
    BadIdempotencyKey,
    #[error("the file is too large for JSON")]
    TooLargeForJson(FileId),
    #[error("the upload was refused")]
    Receive(#[from] ReceiveError),
    #[error("the file store failed")]
    Store(#[source] StoreError),
    #[error("the file cannot be read")]
    ReadFile(#[source] io::Error),
    #[error("refused")]
    Refused(Refusal),
}

impl Error {
    /// Maps each error to a problem.
    fn refusal(self) -> Refusal {
        match self {
            Self::NoCredential => unauthorized(ProblemKind::InvalidCredentials)
                .detail("Send a password or a token with each request."),
            Self::TokenInvalid => unauthorized(ProblemKind::TokenInvalid)
                .detail("The token is not valid for this server. Log in."),
            Self::TokenExpired => unauthorized(ProblemKind::TokenExpired)
                .detail("The lifetime of the token is over. Log in again."),
            Self::Sign(error) => internal(&error),
            Self::Login(LoginError::Wrong) => {
                unauthorized(ProblemKind::InvalidCredentials)
            }
            Self::Login(LoginError::Busy(_)) => {
                Refusal::new(ProblemKind::TooManyLogins).retry_after(1)
            }
            Self::FileNotFound => Refusal::new(ProblemKind::FileNotFound),
            Self::BadPage => Refusal::new(ProblemKind::MalformedRequest).detail(
                "limit is 1 to 200; cursor is the next_cursor of the previous page.",
            ),
            Self::BadIdempotencyKey => Refusal::new(ProblemKind::MalformedRequest)
                .detail("Idempotency-Key is 1 to 255 visible ASCII characters."),
            Self::TooLargeForJson(id) => {
                let url = paths::file_content(&id.to_string());
                Refusal::new(ProblemKind::ContentTooLargeForJson)
                    .detail(format!("Read the bytes at {url}"))
            }
            Self::Receive(error) => receive_refusal(&error),
            Self::Store(StoreError::Disk(error)) => disk_refusal(&error),
            Self::Store(error) => internal(&error),
            Self::ReadFile(error) => disk_refusal(&error),
            Self::Refused(refusal) => refusal,
        }
    }
}

fn receive_refusal(error: &ReceiveError) -> Refusal {
    match error {
        ReceiveError::TooLarge { limit } => upload_form::too_large(*limit),
        ReceiveError::BrokenBody(cause) => upload_form::read_error(cause.as_ref()),
        ReceiveError::KeyReused => Refusal::new(ProblemKind::IdempotencyKeyReused),
        ReceiveError::KeyInUse => {
            Refusal::new(ProblemKind::IdempotencyKeyInUse).retry_after(1)
        }
        ReceiveError::NoSpace(cause) => {
            tracing::error!(%cause, "the disk is full");
            Refusal::new(ProblemKind::InsufficientStorage).retry_after(60)
        }
        ReceiveError::Disk(cause) => disk_refusal(cause),
    }
}

/// An error of the system, such as a read-only disk or no free file descriptor, is temporary, and
/// another replica may have none. Other errors are faults of this program.
fn disk_refusal(cause: &io::Error) -> Refusal {
    if cause.raw_os_error().is_none() {
        return internal(cause);
    }
    tracing::error!(%cause, "the disk cannot be used");
    Refusal::new(ProblemKind::FileStoreUnavailable).retry_after(2)
}

fn unauthorized(kind: ProblemKind) -> Refusal {
    Refusal::new(kind)
        .challenge("Bearer realm=\"upload\"")
        .challenge("Basic realm=\"upload\", charset=\"UTF-8\"")
}

/// The cause is logged and not sent to the caller.
fn internal(cause: &dyn std::error::Error) -> Refusal {
    let source = cause.source().map(ToString::to_string);
    tracing::error!(%cause, source, "request failed");
    Refusal::new(ProblemKind::Internal)
}

impl From<BadToken> for Error {
    fn from(reason: BadToken) -> Self {
        match reason {
            BadToken::Invalid => Self::TokenInvalid,
            BadToken::Expired => Self::TokenExpired,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::FileNotFound,
            other => Self::Store(other),
        }
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
