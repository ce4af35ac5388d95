//! Who did what, in which request: the thread from the balancer's log to a database row.

use records::Member;
use records::audit::AuditRow;

/// The request that is the cause of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditContext {
    /// Its `X-Request-ID`.
    pub request_id: String,
    /// When it came, milliseconds since 1970.
    pub at: i64,
}

impl AuditContext {
    /// The row that a change leaves behind.
    #[must_use]
    pub fn row(&self, actor: &Member, action: &str, subject: &str) -> AuditRow {
        AuditRow {
            request_id: self.request_id.clone(),
            organisation: actor.organisation.clone(),
            actor: actor.username.to_string(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            at: self.at,
        }
    }
}
