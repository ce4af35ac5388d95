//! People who are nobody.

use records::{Member, OrgId, Role};
use upload_domain::incoming::now_ms;
use upload_domain::username::Username;

/// The organisation of all of them.
pub(crate) const ORGANISATION: &str = "main";

/// The name of one of them.
pub(crate) fn username(number: usize) -> Username {
    Username::parse(&format!("user-{number}")).expect("letters, digits and a dash")
}

/// One of them.
pub(crate) fn member(number: usize) -> Member {
    let organisation = OrgId::parse(ORGANISATION).expect("four letters");
    Member { organisation, username: username(number), role: Role::Member }
}

/// Milliseconds since 1970, as the stores count them.
pub(crate) fn now() -> i64 {
    i64::try_from(now_ms()).unwrap_or(i64::MAX)
}
