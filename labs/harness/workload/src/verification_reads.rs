//! Verification reads after the repair: every user reads all files, and tries all revoked
//! credentials.

use crate::entry::{Entry, Operation, ReplyValue};
use crate::recorder::HistoryRecorder;
use crate::virtual_user::{CallOutcome, LoginCredential, VirtualUser};
use crate::workload::UserFinalState;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most attempts for one read.
const MAX_READ_ATTEMPTS: usize = 5;

/// The delay between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Does the verification reads at `replica_urls`, the base URLs of the replicas. They bypass the
/// balancer, because the affinity of sessions is not tested here. Files are read at the first
/// replica, and revoked credentials are tried at all replicas.
pub async fn run(
    users: &[UserFinalState],
    replica_urls: &[String],
    recorder: &HistoryRecorder,
) {
    let Some(first) = replica_urls.first() else {
        return;
    };
    for user in users {
        let mut reader = user.virtual_user.for_verification_at(first);
        let known = recorder
            .with_entries(|entries| known_file_ids(entries, user.virtual_user.user));
        read_files(&mut reader, &known).await;
        for url in replica_urls {
            let reader = user.virtual_user.for_verification_at(url);
            for revoked in &user.credentials.revoked {
                retry_until_conclusive(async || reader.list(revoked).await.0).await;
            }
        }
    }
}

async fn read_files(reader: &mut VirtualUser, known: &BTreeSet<String>) {
    let Some(login) = log_in(reader).await else {
        return;
    };
    retry_until_conclusive(async || reader.list(&login).await.0).await;
    for file in known {
        retry_until_conclusive(async || reader.download(&login, file).await).await;
    }
}

async fn log_in(reader: &mut VirtualUser) -> Option<LoginCredential> {
    for _ in 0..MAX_READ_ATTEMPTS {
        if let Some(login) = reader.log_in().await {
            return Some(login);
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
    None
}

/// Retries until the reply is conclusive, at most [`MAX_READ_ATTEMPTS`] times.
async fn retry_until_conclusive(ask: impl AsyncFn() -> CallOutcome) {
    for _ in 0..MAX_READ_ATTEMPTS {
        if ask().await.is_conclusive {
            return;
        }
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

/// Every file id that a user has received.
fn known_file_ids(entries: &[Entry], user: usize) -> BTreeSet<String> {
    let own = entries.iter().filter(|entry| entry.user == user);
    let received = own.flat_map(|entry| match (&entry.value, &entry.operation) {
        (ReplyValue::Stored { file_id, .. }, _) => vec![file_id.clone()],
        (ReplyValue::Files { files }, Operation::List { .. }) => {
            files.iter().map(|listed| listed.file_id.clone()).collect()
        }
        _ => Vec::new(),
    });
    received.collect()
}
