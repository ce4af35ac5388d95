//! Accounts and files for the tests of events.

use records::files::RecentFile;
use records::{Member, OrgId, Role};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::username::Username;

/// An account without rights.
pub(super) fn member(organisation: &str, username: &str) -> Member {
    Member {
        organisation: OrgId::parse(organisation).unwrap(),
        username: Username::parse(username).unwrap(),
        role: Role::Member,
    }
}

/// A file that was stored at this time, in milliseconds since 1970.
pub(super) fn file(owner: &Member, at: i64) -> RecentFile {
    RecentFile {
        at,
        file_id: FileId::new(),
        owner: owner.username.clone(),
        name: DisplayName::from_client("a.txt"),
    }
}
