//! Orphan blobs: bytes of a trial without a file that remain after the janitor has run.

use super::Trial;
use super::test_cluster::ORPHAN_GRACE_MS;
use super::trial::POLL_INTERVAL;
use anyhow::ensure;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};
use workload::entry::{Entry, Operation, OperationOutcome, ReplyValue};

/// The folders of files and of chunks. (The folder `incoming` is for presigned uploads, which
/// the workload does not make.)
const FILES: &str = "files";
const PIECES: &str = "parts";

/// The length of an id in characters.
const ID_LENGTH: usize = 36;

impl Trial {
    /// Waits until the trial has no orphan blobs, or until the janitor must have run, and
    /// records the number of remaining ones.
    pub(super) async fn record_orphans(&self) -> anyhow::Result<()> {
        let (needed, unfinished) = self.recorder.with_entries(|entries| {
            // An empty folder proves nothing if the blobs are stored elsewhere.
            let used = [(FILES, is_stored as fn(&Entry) -> bool), (PIECES, is_piece)];
            for (place, is_used) in used {
                let there = self.blobs.join(place).is_dir();
                let used = entries.iter().any(is_used);
                ensure!(there || !used, "no blobs are stored in {place}");
            }
            anyhow::Ok((listed(entries), unfinished(entries)))
        })?;
        let began = tokio::time::Instant::now();
        let janitor = Duration::from_millis(ORPHAN_GRACE_MS * 2);
        let (files, uploads) = loop {
            let files = self.new_blobs(FILES).into_iter();
            let files = files.filter(|name| !needed.contains(name)).count();
            let uploads = uploads_of(&self.new_blobs(PIECES)).saturating_sub(unfinished);
            if files + uploads == 0 || began.elapsed() > janitor {
                break (files, uploads);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        };
        self.recorder.record_orphans("bytes that no file needs", files as u64);
        self.recorder
            .record_orphans("uploads with pieces that are finished", uploads as u64);
        Ok(())
    }

    /// The names of the files that were written into a folder since the trial began.
    fn new_blobs(&self, place: &str) -> Vec<String> {
        let mut found = Vec::new();
        new_files_below(&self.blobs.join(place), self.began, &mut found);
        found
    }
}

fn new_files_below(folder: &Path, since: SystemTime, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            new_files_below(&path, since, found);
        } else if entry.metadata().and_then(|it| it.modified()).is_ok_and(|at| at > since)
        {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
}

/// The number of uploads of these chunks. The name of a chunk starts with the id of its upload.
fn uploads_of(pieces: &[String]) -> usize {
    let ids = pieces.iter().map(|name| name.get(..ID_LENGTH).unwrap_or(name));
    ids.collect::<BTreeSet<_>>().len()
}

/// The files that the verification reads have found.
fn listed(entries: &[Entry]) -> BTreeSet<String> {
    let back = entries.iter().filter(|entry| entry.verification_read);
    back.flat_map(|entry| match &entry.value {
        ReplyValue::Files { files } => {
            files.iter().map(|file| file.file_id.clone()).collect()
        }
        _ => Vec::new(),
    })
    .collect()
}

/// The number of unfinished chunked uploads. Their chunks stay until they expire.
fn unfinished(entries: &[Entry]) -> usize {
    let begun = entries.iter().filter_map(|entry| match &entry.operation {
        Operation::CreateUpload { name, .. }
            if entry.outcome != OperationOutcome::Fail =>
        {
            Some(name)
        }
        _ => None,
    });
    let finished: BTreeSet<_> = entries
        .iter()
        .filter_map(|entry| match (&entry.operation, &entry.value) {
            (
                Operation::SendChunk { name, .. } | Operation::ReadOffset { name, .. },
                ReplyValue::Stored { .. },
            ) => Some(name),
            _ => None,
        })
        .collect();
    begun.filter(|name| !finished.contains(name)).count()
}

/// Whether a whole upload was acknowledged.
fn is_stored(entry: &Entry) -> bool {
    matches!(entry.operation, Operation::Upload { .. })
        && entry.outcome == OperationOutcome::Ok
}

/// Whether a chunk was acknowledged.
fn is_piece(entry: &Entry) -> bool {
    matches!(entry.operation, Operation::SendChunk { .. })
        && entry.outcome == OperationOutcome::Ok
}
