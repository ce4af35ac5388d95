//! Verification reads after the repair: every user reads all files, and tries all ended
//! credentials.

use crate::entry::{Act, Ended, Entry, Said};
use crate::person::{Held, Person};
use crate::recorder::Recorder;
use crate::workload::Left;
use std::collections::BTreeSet;
use std::time::Duration;

/// The most attempts for one read.
const TRIES: usize = 5;

/// The delay between two attempts.
const RETRY: Duration = Duration::from_millis(200);

/// Does the verification reads at `doors`, the base URLs of the replicas. They bypass the
/// balancer, because the affinity of sessions is not tested here. Files are read at the first
/// replica, and ended credentials are tried at all replicas.
pub async fn read_back(left: &[Left], doors: &[String], recorder: &Recorder) {
    let Some(first) = doors.first() else {
        return;
    };
    for one in left {
        let mut reader = one.virtual_user.reading_back_at(first);
        let known =
            recorder.with_entries(|entries| known(entries, one.virtual_user.user));
        read_files(&mut reader, &known).await;
        for door in doors {
            let knocker = one.virtual_user.reading_back_at(door);
            for ended in &one.credentials.ended {
                settle(async || knocker.list(ended).await.0.ended).await;
            }
        }
    }
}

async fn read_files(reader: &mut Person, known: &BTreeSet<String>) {
    let Some(held) = log_in(reader).await else {
        return;
    };
    settle(async || reader.list(&held).await.0.ended).await;
    for file in known {
        settle(async || reader.download(&held, file).await.ended).await;
    }
}

async fn log_in(reader: &mut Person) -> Option<Held> {
    for _ in 0..TRIES {
        if let Some(held) = reader.log_in().await {
            return Some(held);
        }
        tokio::time::sleep(RETRY).await;
    }
    None
}

/// Retries until the outcome is definite, at most [`TRIES`] times.
async fn settle(ask: impl AsyncFn() -> Ended) {
    for _ in 0..TRIES {
        if ask().await != Ended::Unknown {
            return;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Every file id that a user has received.
fn known(entries: &[Entry], user: usize) -> BTreeSet<String> {
    let theirs = entries.iter().filter(|entry| entry.user == user);
    let told = theirs.flat_map(|entry| match (&entry.said, &entry.act) {
        (Said::Stored { file, .. }, _) => vec![file.clone()],
        (Said::Files { files }, Act::List { .. }) => {
            files.iter().map(|listed| listed.file.clone()).collect()
        }
        _ => Vec::new(),
    });
    told.collect()
}
