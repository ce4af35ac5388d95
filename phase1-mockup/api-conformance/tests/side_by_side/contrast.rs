//! The reviewed differences between the servers: their items and the consequences. All other
//! items must be the same in both servers, in the same order.

/// The differences of one pair of files, under the name of the stateful server's file.
pub(crate) struct Contrast {
    pub(crate) file: &'static str,
    pub(crate) stateful: &'static [&'static str],
    pub(crate) stateless: &'static [&'static str],
}

impl Contrast {
    /// No difference.
    pub(crate) const NONE: Self = Self { file: "", stateful: &[], stateless: &[] };
}

pub(crate) const REVIEWED: &[Contrast] = &[
    // The errors depend on sessions or tokens.
    Contrast {
        file: "error.rs",
        stateful: &[
            "impl From<NoSession> for Error",
            "impl From<TooManySessions> for Error",
        ],
        stateless: &["impl From<BadToken> for Error"],
    },
    // The session update of an upload must not be lost when its client disconnects.
    Contrast {
        file: "files.rs",
        stateful: &["async fn publish_and_record"],
        stateless: &[],
    },
    // A map lookup in one; all places of a credential in the other.
    Contrast {
        file: "identity.rs",
        stateful: &[],
        stateless: &["async fn from_header", "struct QueryCredentials", "fn from_query"],
    },
    Contrast {
        file: "lib.rs",
        stateful: &["pub mod sessions"],
        stateless: &["pub mod tokens"],
    },
    // A stored session can be read and ended. A token cannot.
    Contrast {
        file: "login.rs",
        stateful: &["pub(crate) async fn view", "pub(crate) async fn end"],
        stateless: &[],
    },
    // The central difference.
    Contrast {
        file: "sessions.rs",
        stateful: &[
            "const ID_BYTES",
            "pub struct SessionLimits",
            "pub struct SessionId",
            "impl SessionId",
            "pub enum NoSession",
            "pub struct TooManySessions",
            "enum Cause",
            "impl Cause",
            "struct Session",
            "impl Session",
            "pub struct Sessions",
            "impl Sessions",
            "fn remove",
            "fn report_size",
        ],
        stateless: &[
            "const KEY_BYTES",
            "const ISSUER",
            "const AUDIENCE",
            "const TYPE",
            "const LEEWAY_S",
            "pub struct TokenRules",
            "struct Claims",
            "pub enum BadToken",
            "pub struct Tokens",
            "impl Tokens",
            "fn strict_validation",
            "fn random_key",
        ],
    },
];

/// The tests in both `consequences.rs`, in their order: the stateful server, and its
/// counterpart for the stateless server.
pub(crate) const CONSEQUENCES: &[(&str, &str)] = &[
    ("restart_ends_all_sessions", "tokens_survive_a_restart"),
    ("second_replica_rejects_the_session", "second_replica_accepts_the_token"),
    ("logout_ends_the_session_at_once", "logout_only_discards_the_client_copy"),
    ("stolen_session_id_ends_with_the_session", "stolen_token_works_until_it_expires"),
    ("memory_grows_with_the_number_of_sessions", "memory_is_independent_of_logins"),
    ("idle_session_expires", "idle_token_stays_valid"),
    ("clean_exit_reports_every_ended_session", "clean_exit_ends_no_login"),
    ("uploads_survive_a_sigkill", "uploads_survive_a_sigkill"),
];
