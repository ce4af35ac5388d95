//! Verifies after the load that every acknowledged upload exists once, with its bytes.

use crate::virtual_user::{AcknowledgedUpload, VirtualUser};
use anyhow::{Context, bail};
use api_contract::files::{ListQuery, MAX_PAGE_SIZE};
use client::{CallResult, Client, Credential};
use comparison::Design;
use http::StatusCode;
use launcher::Cluster;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Limit for repeating one read.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The result of the verification.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct VerificationReads {
    /// Uploads answered with 201.
    pub(crate) acknowledged: u64,
    /// Uploads that could be read, with any contents.
    pub(crate) read: u64,
    /// Uploads that are gone: 404, or absent from the list.
    pub(crate) missing: u64,
    /// Uploads with other bytes.
    pub(crate) corrupted: u64,
    /// Uploads that exist more than once, although each attempt had the same idempotency key.
    pub(crate) duplicated: u64,
    /// Uploads without an answer, so their state is unknown.
    pub(crate) unread: u64,
}

/// Verifies all uploads.
pub(crate) async fn verify_uploads(
    cluster: &Cluster,
    design: Design,
    users: &[VirtualUser],
) -> anyhow::Result<VerificationReads> {
    let members = cluster.status().await.members;
    let address = members.iter().skip(1).find_map(|member| member.address);
    let client = Client::new(&format!("http://{}", address.context("no replica runs")?));
    let mut found = VerificationReads::default();
    for user in users.iter().filter(|user| !user.acknowledged.is_empty()) {
        let files = &user.acknowledged;
        found.acknowledged += files.len() as u64;
        let Ok(credential) = log_in(&client, design, user).await else {
            found.unread += files.len() as u64;
            continue;
        };
        let names = count_by_name(&client, &credential).await;
        for file in files {
            found.check_upload(&client, &credential, file, names.as_ref().ok()).await;
        }
    }
    Ok(found)
}

impl VerificationReads {
    async fn check_upload(
        &mut self,
        client: &Client,
        credential: &Credential,
        upload: &AcknowledgedUpload,
        names: Option<&BTreeMap<String, usize>>,
    ) {
        let answer =
            retry_until_conclusive(|| client.content(credential, &upload.file_id)).await;
        let bytes = match answer {
            Some(CallResult::Done(reply)) => reply.body,
            Some(CallResult::Refused(reply)) if reply.status == StatusCode::NOT_FOUND => {
                self.missing += 1;
                return;
            }
            _ => {
                self.unread += 1;
                return;
            }
        };
        self.read += 1;
        self.corrupted += u64::from(bytes != upload.file.bytes);
        if let Some(names) = names {
            match names.get(&upload.file.name) {
                None => self.missing += 1,
                Some(1) => {}
                Some(_) => self.duplicated += 1,
            }
        }
    }
}

async fn log_in(
    client: &Client,
    design: Design,
    user: &VirtualUser,
) -> anyhow::Result<Credential> {
    let scheme = design.into();
    match retry_until_conclusive(|| client.log_in(scheme, &user.account)).await {
        Some(CallResult::Done(reply)) => Ok(reply.body.credential),
        other => bail!("{other:?}"),
    }
}

/// The number of files for each name.
async fn count_by_name(
    client: &Client,
    credential: &Credential,
) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut names = BTreeMap::new();
    let mut page = ListQuery { limit: Some(MAX_PAGE_SIZE), cursor: None };
    loop {
        let list = match retry_until_conclusive(|| client.list(credential, &page)).await {
            Some(CallResult::Done(reply)) => reply.body,
            other => bail!("{other:?}"),
        };
        for entry in list.files {
            *names.entry(entry.name).or_default() += 1;
        }
        page.cursor = list.next_cursor;
        if page.cursor.is_none() {
            return Ok(names);
        }
    }
}

/// Repeats a call until its answer is conclusive: a success or a refusal below 500.
/// Repeated reads and unused logins are harmless.
async fn retry_until_conclusive<T, F>(ask: impl Fn() -> F) -> Option<CallResult<T>>
where
    F: Future<Output = CallResult<T>>,
{
    let deadline = Instant::now() + READ_TIMEOUT;
    loop {
        let outcome = ask().await;
        let is_inconclusive = match &outcome {
            CallResult::Done(_) => false,
            CallResult::Refused(reply) => reply.status.is_server_error(),
            CallResult::CallError(_) => true,
        };
        if !is_inconclusive {
            return Some(outcome);
        }
        if Instant::now() > deadline {
            return None;
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}
