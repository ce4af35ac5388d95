//! The facts about a running server that its document depends on.

use super::call::Designs;

/// A running server.
#[derive(Clone, Copy)]
pub(crate) struct Described {
    /// Whether a login starts a session or issues tokens; never all designs.
    pub(super) designs: Designs,
    /// The name of the session cookie.
    pub(super) cookie: &'static str,
    /// The largest upload in bytes.
    pub(super) max_upload: u64,
}

impl Described {
    /// A server with logins that start sessions, or else issue tokens.
    pub(crate) const fn new(
        has_sessions: bool,
        cookie: &'static str,
        max_upload: u64,
    ) -> Self {
        let designs = if has_sessions { Designs::Sessions } else { Designs::Tokens };
        Self { designs, cookie, max_upload }
    }
}
