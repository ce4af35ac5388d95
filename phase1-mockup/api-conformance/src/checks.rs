//! The contract, one function a sentence. Each takes a target and says nothing, or what
//! it expected and what it got. `suite` turns them into named tests.
//!
//! References in the comments: RFC 9110 is HTTP, RFC 9457 problems, RFC 6266 and 8187
//! file names in headers, RFC 8725 JWT practice; ASVS is OWASP's, version 5.

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

use crate::client::Client;
use crate::proof::Proof;
use api_contract::files::{FileList, ListQuery, MAX_PAGE};

/// An id of the right form that no server has given to anything.
pub(crate) fn made_up_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// The caller's newest files.
pub(crate) async fn listing(client: &Client, proof: &Proof) -> anyhow::Result<FileList> {
    let page = ListQuery { limit: Some(MAX_PAGE), cursor: None };
    Ok(client.list(proof, &page).await.done()?.body)
}
