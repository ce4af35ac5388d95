//! Refusals: one shape (RFC 9457), one table of everything that can go wrong.

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// The media type of every error reply.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The body of every error reply (RFC 9457 §3).
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// `/problems/<slug>`: stable, what programs compare.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words; the same for every problem of one kind.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// What to do about this one, for a person.
    pub detail: String,
    /// The request's id, to be found in every log the request passed.
    pub instance: String,
}

impl Problem {
    /// The last part of `type`.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind.rsplit('/').next().unwrap_or_default()
    }
}

/// tus 1.0 has a status of its own, which no list of HTTP's knows.
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
        /// Every kind of problem a server may answer with.
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

            /// The HTTP status it travels with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => status!($status),)* }
            }
        }
    };
}

kinds! {
    /// Wrong user name or password; which of the two is not said.
    InvalidCredentials = "invalid-credentials", UNAUTHORIZED,
        "The credentials are missing or wrong";
    /// No such session here: never born, ended, or remembered by another process.
    SessionUnknown = "session-unknown", UNAUTHORIZED, "This server knows no such session";
    /// The session was here and its time ran out.
    SessionExpired = "session-expired", UNAUTHORIZED, "The session has expired";
    /// The token was genuine and its time ran out.
    TokenExpired = "token-expired", UNAUTHORIZED, "The token has expired";
    /// The token is not one of ours, or not (yet) valid; which check failed is not said.
    TokenInvalid = "token-invalid", UNAUTHORIZED, "The token is not valid";
    /// The caller is known, and may not do this.
    Forbidden = "forbidden", FORBIDDEN, "You may not do this";
    /// A browser sent this on behalf of another site (OWASP CSRF; ASVS 3.5.1).
    ForeignOrigin = "foreign-origin", FORBIDDEN, "This came from another site";
    /// The URL was not signed by this server, or its time is up.
    SignatureInvalid = "signature-invalid", FORBIDDEN, "The signature of the URL is not valid";
    /// Too short, too long, or one that everybody tries (ASVS 6.2).
    WeakPassword = "weak-password", BAD_REQUEST, "The password is not good enough";
    /// Nobody of that name in the caller's organisation.
    UserNotFound = "user-not-found", NOT_FOUND, "There is no such user";
    /// More requests than one caller may make.
    TooManyRequests = "too-many-requests", TOO_MANY_REQUESTS, "Too many requests";
    /// More wrong passwords than one account or one address may try.
    TooManyAttempts = "too-many-attempts", TOO_MANY_REQUESTS, "Too many login attempts";
    /// A password in a URL ends up in logs and histories (RFC 9110 §17.9).
    CredentialsInQuery = "credentials-in-query", BAD_REQUEST,
        "Credentials do not belong in a URL";
    /// The body, the query or a header cannot be understood.
    MalformedRequest = "malformed-request", BAD_REQUEST, "The request cannot be understood";
    /// Not the media type that this call takes.
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE,
        "The content type is not the one this call takes";
    /// No form part named `file`.
    MissingFilePart = "missing-file-part", BAD_REQUEST, "The form has no part named file";
    /// More form parts than an upload needs.
    TooManyParts = "too-many-parts", BAD_REQUEST, "The form has too many parts";
    /// No such file, or not the caller's: the two cannot be told apart.
    FileNotFound = "file-not-found", NOT_FOUND, "There is no such file";
    /// `If-Match` names another state of the file (RFC 9110 §13.1.1).
    PreconditionFailed = "precondition-failed", PRECONDITION_FAILED,
        "The file is not the one that If-Match names";
    /// No such path.
    NotFound = "not-found", NOT_FOUND, "There is nothing at this path";
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED,
        "This path does not take this method";
    /// The JSON form of a file ends at 1 MiB.
    ContentTooLargeForJson = "content-too-large-for-json", NOT_ACCEPTABLE,
        "The file is too large to be sent inside JSON";
    /// Nothing of the requested range exists.
    RangeNotSatisfiable = "range-not-satisfiable", RANGE_NOT_SATISFIABLE,
        "The file has no such range";
    /// Larger than `--max-upload`.
    UploadTooLarge = "upload-too-large", PAYLOAD_TOO_LARGE, "The file is too large";
    /// The disk is full; nothing of the upload is left behind.
    InsufficientStorage = "insufficient-storage", INSUFFICIENT_STORAGE,
        "The server has no room for this file";
    /// The caller's files fill what they may.
    QuotaExceeded = "quota-exceeded", INSUFFICIENT_STORAGE, "Your files would exceed your quota";
    /// No such upload under way, or not the caller's: the two cannot be told apart.
    UploadNotFound = "upload-not-found", NOT_FOUND, "There is no such upload";
    /// The upload was begun and not finished in time.
    UploadExpired = "upload-expired", GONE, "The upload has expired";
    /// Not all announced bytes are there.
    UploadIncomplete = "upload-incomplete", CONFLICT, "The upload is not complete";
    /// The bytes do not begin where those before them ended (tus 1.0).
    OffsetMismatch = "offset-mismatch", CONFLICT, "The offset is not where the upload stands";
    /// The bytes are not those that their checksum was made of; none was kept (tus 1.0).
    ChecksumMismatch = "checksum-mismatch", CHECKSUM_MISMATCH,
        "The bytes do not have this checksum";
    /// Not a version of tus that this server speaks.
    UnsupportedTusVersion = "unsupported-tus-version", PRECONDITION_FAILED,
        "This version of tus is not supported";
    /// The idempotency key was used for a different upload.
    IdempotencyKeyReused = "idempotency-key-reused", UNPROCESSABLE_ENTITY,
        "This idempotency key belongs to a different upload";
    /// The idempotency key's first upload has not ended yet.
    IdempotencyKeyInUse = "idempotency-key-in-use", CONFLICT,
        "An upload with this idempotency key is under way";
    /// The cap on live sessions is reached.
    TooManySessions = "too-many-sessions", SERVICE_UNAVAILABLE,
        "The server holds as many sessions as it may";
    /// Password checks are bounded, because each costs 19 MiB and tens of milliseconds.
    TooManyLogins = "too-many-logins", SERVICE_UNAVAILABLE,
        "Too many passwords are being checked";
    /// Whether the session lives cannot be known now; it may well.
    SessionStoreUnavailable = "session-store-unavailable", SERVICE_UNAVAILABLE,
        "The session store does not answer";
    /// The records cannot be read or written now.
    RecordsUnavailable = "records-unavailable", SERVICE_UNAVAILABLE,
        "The records do not answer";
    /// The store of the files' bytes cannot be reached now.
    FileStoreUnavailable = "file-store-unavailable", SERVICE_UNAVAILABLE,
        "The file store does not answer";
    /// `/readyz` while something that the server needs is missing.
    NotReady = "not-ready", SERVICE_UNAVAILABLE, "The server lacks something it needs";
    /// `/readyz` while the process finishes what it has.
    Draining = "draining", SERVICE_UNAVAILABLE, "The server is about to stop";
    /// A balancer that has nobody to send this to.
    NoReplica = "no-replica", SERVICE_UNAVAILABLE, "No replica is ready";
    /// The replica broke off. The request may or may not have been carried out.
    ReplicaFailed = "replica-failed", BAD_GATEWAY, "The replica broke off";
    /// The replica said nothing for too long. The request may have been carried out.
    ReplicaTimeout = "replica-timeout", GATEWAY_TIMEOUT, "The replica did not answer in time";
    /// A fault of the server; the log has the cause under the request's id.
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
    fn every_kind_has_a_slug_of_its_own_and_an_error_status() {
        let slugs: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
        assert_eq!(ProblemKind::ChecksumMismatch.status().as_u16(), 460);
        for kind in ProblemKind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn a_problem_travels_in_the_shape_of_rfc_9457() {
        let problem = ProblemKind::FileNotFound.problem("Look elsewhere.", "req-1");
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "/problems/file-not-found");
        assert_eq!(json["status"], 404);
        assert_eq!(json["instance"], "req-1");
        assert_eq!(problem.slug(), "file-not-found");
    }
}
