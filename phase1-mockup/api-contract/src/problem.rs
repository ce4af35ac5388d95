//! Error replies: one shape (RFC 9457) and one table of all kinds.

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// The media type of every error reply.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The body of every error reply (RFC 9457 §3).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// `/problems/<slug>`: stable; programs compare this member.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words; equal for all problems of one kind.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// How to solve this problem, for a human reader.
    pub detail: String,
    /// The request id, which is in every log that the request passed.
    pub instance: String,
}

impl Problem {
    /// The last part of `type`.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }
}

/// tus 1.0 defines status 460, which is not in the list of HTTP statuses.
macro_rules! status {
    (CHECKSUM_MISMATCH) => {
        match StatusCode::from_u16(460) {
            Ok(status) => status,
            Err(_) => StatusCode::BAD_REQUEST,
        }
    };
    ($status:ident) => {
        StatusCode::$status
    };
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:ident, $title:literal;)*) => {
        /// Every kind of problem that a server may answer with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind { $($(#[$doc])* $name,)* }

        impl ProblemKind {
            /// All of them, in the order of the API reference.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable last part of `type`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The kind in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The HTTP status of the reply.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => status!($status),)* }
            }
        }
    };
}

kinds! {
    /// Wrong user name or password. The reply does not tell which of the two.
    InvalidCredentials = "invalid-credentials", UNAUTHORIZED,
        "The credentials are missing or wrong";
    /// No such session here: it never existed, has ended, or is stored by another process.
    SessionUnknown = "session-unknown", UNAUTHORIZED, "This server knows no such session";
    /// The session existed here and has expired.
    SessionExpired = "session-expired", UNAUTHORIZED, "The session has expired";
    /// The token was valid and has expired.
    TokenExpired = "token-expired", UNAUTHORIZED, "The token has expired";
    /// The token was not issued here, or is not (yet) valid. The reply does not tell which
    /// check failed.
    TokenInvalid = "token-invalid", UNAUTHORIZED, "The token is not valid";
    /// The caller is authenticated but lacks the permission.
    Forbidden = "forbidden", FORBIDDEN, "You may not do this";
    /// A browser sent this on behalf of another site (OWASP CSRF; ASVS 3.5.1).
    ForeignOrigin = "foreign-origin", FORBIDDEN, "This came from another site";
    /// The URL was not signed by this server, or has expired.
    SignatureInvalid = "signature-invalid", FORBIDDEN, "The signature of the URL is not valid";
    /// Too short, too long, or on the list of common passwords (ASVS 6.2).
    WeakPassword = "weak-password", BAD_REQUEST, "The password is not good enough";
    /// The caller's organisation has no account of that name.
    UserNotFound = "user-not-found", NOT_FOUND, "There is no such user";
    /// The organisation would have no admin that can log in.
    LastAdmin = "last-admin", CONFLICT, "The organisation would have no admin";
    /// The service would have no operator that can log in.
    LastOperator = "last-operator", CONFLICT, "The service would have no operator";
    /// More requests than one caller may make.
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    /// Too many wrong passwords for one account or from one address.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Too many login attempts";
    /// A password in a URL ends up in logs and histories (RFC 9110 §17.9).
    CredentialsInQuery = "credentials-in-query", BAD_REQUEST,
        "Credentials do not belong in a URL";
    /// The body, the query or a header cannot be parsed.
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request cannot be understood";
    /// The call does not take this media type.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The content type is not the one this call takes";
    /// No form part named `file`.
    MissingFilePart = "missing-file-part", BAD_REQUEST, "The form has no part named file";
    /// More form parts than an upload needs.
    TooManyParts = "too-many-parts", BAD_REQUEST, "The form has too many parts";
    /// No such file, or a file of another account: the reply is the same.
    FileNotFound = "file-not-found", NOT_FOUND, "There is no such file";
    /// `If-Match` or `If-None-Match` does not hold for the file (RFC 9110 §13.1).
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED,
        "The file is not the one that the request expects";
    /// No such path.
    NotFound = "not-found", NOT_FOUND, "There is nothing at this path";
    /// The path does not support this method.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED,
        "This path does not take this method";
    /// A file larger than 1 MiB is not sent inside JSON.
    ContentTooLargeForJson = "content-too-large-for-json", NOT_ACCEPTABLE,
        "The file is too large to be sent inside JSON";
    /// The requested range is outside the file.
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE,
        "The file has no such range";
    /// Larger than `--max-upload`.
    UploadTooLarge = "upload-too-large", PAYLOAD_TOO_LARGE, "The file is too large";
    /// The disk is full, or the process may not write a file of this size; the partial upload was
    /// removed.
    InsufficientStorage = "insufficient-storage", INSUFFICIENT_STORAGE,
        "The server has no room for this file";
    /// The caller's quota is used up.
    QuotaExceeded = "quota-exceeded", INSUFFICIENT_STORAGE, "Your files would exceed your quota";
    /// No such pending upload, or one of another account: the reply is the same.
    UploadNotFound = "upload-not-found", NOT_FOUND, "There is no such upload";
    /// The upload was not completed in time.
    UploadExpired = "upload-expired", GONE, "The upload has expired";
    /// Not all announced bytes were received.
    UploadIncomplete = "upload-incomplete", CONFLICT, "The upload is not complete";
    /// A newer request writes the upload, or another one makes its file.
    UploadBusy = "upload-busy", CONFLICT, "Another request works on this upload";
    /// The bytes do not start at the current upload offset (tus 1.0).
    OffsetMismatch = "offset-mismatch", CONFLICT, "The offset is not where the upload stands";
    /// The bytes do not match their checksum; none was kept (tus 1.0).
    ChecksumMismatch = "checksum-mismatch", CHECKSUM_MISMATCH,
        "The bytes do not have this checksum";
    /// The server does not support this version of tus.
    UnsupportedTusVersion = "unsupported-tus-version", PRECONDITION_FAILED,
        "This version of tus is not supported";
    /// The idempotency key was used for a different upload.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY,
        "This idempotency key belongs to a different upload";
    /// The first upload with this idempotency key has not ended yet.
    IdempotencyKeyInUse = "idempotency-key-in-use", CONFLICT,
        "An upload with this idempotency key is under way";
    /// The limit of live sessions is reached.
    TooManySessions = "too-many-sessions", SERVICE_UNAVAILABLE,
        "The server holds as many sessions as it may";
    /// Concurrent password hashes are limited: each takes 19 MiB and tens of milliseconds.
    TooManyLogins = "too-many-logins", SERVICE_UNAVAILABLE,
        "Too many passwords are being checked";
    /// The session cannot be looked up now. It may still be valid.
    SessionStoreUnavailable = "session-store-unavailable", SERVICE_UNAVAILABLE,
        "The session store does not answer";
    /// The database cannot be read or written now.
    RecordsUnavailable = "records-unavailable", SERVICE_UNAVAILABLE,
        "The records do not answer";
    /// The file store cannot be reached or written now.
    FileStoreUnavailable = "file-store-unavailable", SERVICE_UNAVAILABLE,
        "The file store does not answer";
    /// `/readyz` while a dependency of the server is missing.
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "The server lacks something it needs";
    /// `/readyz` while the process finishes its open requests.
    Draining = "draining", SERVICE_UNAVAILABLE, "The server is about to stop";
    /// The balancer has no ready replica for the request.
    NoReplica = "no-replica", SERVICE_UNAVAILABLE, "No replica is ready";
    /// The balancer has no free connection, for the client or to a replica.
    BalancerOverloaded = "balancer-overloaded", SERVICE_UNAVAILABLE,
        "The balancer has no free connection";
    /// No more of the request's body arrived.
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    /// The connection to the replica broke. The request may have been carried out.
    ReplicaFailed = "replica-failed", BAD_GATEWAY, "The replica broke off";
    /// The replica did not answer in time. The request may have been carried out.
    ReplicaTimeout = "replica-timeout", GATEWAY_TIMEOUT, "The replica did not answer in time";
    /// A fault of the server; the log has the cause under the request id.
    Internal = "internal-error", INTERNAL_SERVER_ERROR, "The server failed";
}

impl ProblemKind {
    /// The kind as a reply's body.
    #[must_use]
    pub fn problem(self, detail: impl Into<String>, request_id: &str) -> Problem {
        Problem {
            kind: format!("/problems/{}", self.slug()),
            title: self.title().to_owned(),
            status: self.status().as_u16(),
            detail: detail.into(),
            instance: request_id.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_a_unique_slug_and_an_error_status() {
        let slugs: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
        assert_eq!(ProblemKind::ChecksumMismatch.status().as_u16(), 460);
        for kind in ProblemKind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn a_problem_serializes_as_rfc_9457() {
        let problem = ProblemKind::FileNotFound.problem("Look elsewhere.", "req-1");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "/problems/file-not-found");
        assert_eq!(json["status"], 404);
        assert_eq!(json["instance"], "req-1");
        assert_eq!(problem.slug(), "file-not-found");
    }
}
