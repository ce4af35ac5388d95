//! The checks, one function for each requirement. A check takes a target; its error shows the
//! expected and the actual result. `suite` turns the checks into named tests.
//!
//! References in the comments: RFC 9110 (HTTP), RFC 9457 (problem details), RFC 6266 and 8187
//! (file names in headers), RFC 8725 (JWT best practices), ASVS (OWASP ASVS 5).

pub mod deletions;
pub mod downloads;
pub mod every_reply;
pub mod forms;
pub mod hostile_input;
pub mod hostile_names;
pub mod listings;
pub mod logins;
pub mod ownership;
pub mod ranges;
pub mod sessions;
pub mod tokens;
pub mod uploads;

use api_contract::files::{FileList, ListQuery, MAX_PAGE_SIZE};
use client::{Client, Credential};

/// A well-formed file id that does not exist.
pub(crate) fn nonexistent_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The caller's newest files.
pub(crate) async fn listing(
    client: &Client,
    credential: &Credential,
) -> anyhow::Result<FileList> {
    let page = ListQuery { limit: Some(MAX_PAGE_SIZE), cursor: None };
    Ok(client.list(credential, &page).await.done()?.body)
}
