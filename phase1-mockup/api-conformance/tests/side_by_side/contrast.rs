//! How the servers differ, as reviewed: in their items, and in what follows from them.
//! Every item that is not named here has to be the same in both, in the same order.

/// How one pair of files differs; the pair has the name of the stateful server's file.
pub(crate) struct Contrast {
    pub(crate) file: &'static str,
    pub(crate) stateful: &'static [&'static str],
    pub(crate) stateless: &'static [&'static str],
}

impl Contrast {
    /// Not at all.
    pub(crate) const NONE: Self = Self { file: "", stateful: &[], stateless: &[] };
}

pub(crate) const REVIEWED: &[Contrast] = &[
    // What can go wrong follows from what is remembered or signed.
    Contrast {
        file: "error.rs",
        stateful: &[
            "impl From<NoSession> for Error",
            "impl From<TooManySessions> for Error",
        ],
        stateless: &["impl From<BadToken> for Error"],
    },
    // What an upload adds to the memory must not be lost when its client hangs up.
    Contrast {
        file: "files.rs",
        stateful: &["async fn publish_and_remember"],
        stateless: &[],
    },
    // One look into a map here; there, every place in which a proof may come.
    Contrast {
        file: "identity.rs",
        stateful: &[],
        stateless: &["async fn in_header", "struct InUrl", "fn in_url"],
    },
    Contrast {
        file: "lib.rs",
        stateful: &["pub mod sessions"],
        stateless: &["pub mod tokens"],
    },
    // What is remembered can be looked at and ended. What is forgotten cannot.
    Contrast {
        file: "login.rs",
        stateful: &["pub(crate) async fn view", "pub(crate) async fn end"],
        stateless: &[],
    },
    // The lesson itself.
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
            "fn bury",
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

/// The tests in both `consequences.rs`, in their order: what is so on a server that
/// remembers, and what is so instead on one that forgets.
pub(crate) const CONSEQUENCES: &[(&str, &str)] = &[
    ("a_restart_signs_everyone_out", "a_restart_keeps_callers_signed_in"),
    ("a_second_replica_knows_nobody", "a_second_replica_knows_everybody"),
    ("logout_ends_the_proof_at_once", "logout_is_only_the_client_forgetting"),
    ("a_stolen_proof_dies_with_the_session", "a_stolen_proof_lives_until_it_expires"),
    ("memory_grows_with_the_number_of_callers", "memory_knows_no_callers"),
    ("an_idle_caller_is_forgotten", "an_idle_caller_is_still_known"),
    (
        "a_clean_exit_reports_every_session_that_dies_with_it",
        "a_clean_exit_takes_nobody_with_it",
    ),
    ("uploads_survive_a_sigkill", "uploads_survive_a_sigkill"),
];
