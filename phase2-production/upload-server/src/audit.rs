//! Audit context: links a row of the audit log to the request that caused it.

use records::Member;
use records::audit::AuditRow;

/// The request that causes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditContext {
    /// Value of its `X-Request-ID`.
    pub request_id: String,
    /// Time of the request, milliseconds since 1970.
    pub at: i64,
}

impl AuditContext {
    /// The audit row for a change.
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
