//! Bytes that no file needs: what of a trial is still there after the janitor's time.

use super::Trial;
use super::scene::ORPHAN_GRACE_MS;
use super::trial::LOOK;
use anyhow::ensure;
use ledger::entry::{Act, Ended, Entry, Said};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Where the bytes of files lie, and those of pieces. (`incoming` is for uploads by a signed
/// URL, which a crowd does not make.)
const FILES: &str = "files";
const PIECES: &str = "parts";

/// Characters of an id.
const ID: usize = 36;

impl Trial {
    /// Waits until no bytes of this trial lie about that nobody needs, or the janitor has
    /// had its time, and writes down what is left.
    pub(super) async fn look_for_leftovers(&self) -> anyhow::Result<()> {
        let (needed, unfinished) = self.recorder.with_entries(|entries| {
            // Nothing would be left in a place where nothing is ever put.
            let used = [(FILES, is_stored as fn(&Entry) -> bool), (PIECES, is_piece)];
            for (place, is_used) in used {
                let there = self.blobs.join(place).is_dir();
                let used = entries.iter().any(is_used);
                ensure!(there || !used, "no bytes are kept in {place}");
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
            tokio::time::sleep(LOOK).await;
        };
        self.recorder.looked_for("bytes that no file needs", files as u64);
        self.recorder.looked_for("uploads with pieces that are finished", uploads as u64);
        Ok(())
    }

    /// The names of what was written into a place since the trial began.
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

/// How many uploads pieces belong to: the name of each begins with its upload's id.
fn uploads_of(pieces: &[String]) -> usize {
    let ids = pieces.iter().map(|name| name.get(..ID).unwrap_or(name));
    ids.collect::<BTreeSet<_>>().len()
}

/// The files that the reading back has found.
fn listed(entries: &[Entry]) -> BTreeSet<String> {
    let back = entries.iter().filter(|entry| entry.read_back);
    back.flat_map(|entry| match &entry.said {
        Said::Files { files } => files.iter().map(|file| file.file.clone()).collect(),
        _ => Vec::new(),
    })
    .collect()
}

/// How many uploads in pieces may be under way still: their pieces stay until they expire.
fn unfinished(entries: &[Entry]) -> usize {
    let begun = entries.iter().filter_map(|entry| match &entry.act {
        Act::BeginPieces { name, .. } if entry.ended != Ended::Fail => Some(name),
        _ => None,
    });
    let finished: BTreeSet<_> = entries
        .iter()
        .filter_map(|entry| match (&entry.act, &entry.said) {
            (
                Act::SendPiece { name, .. } | Act::AskOffset { name, .. },
                Said::Stored { .. },
            ) => Some(name),
            _ => None,
        })
        .collect();
    begun.filter(|name| !finished.contains(name)).count()
}

/// Whether a whole upload was acknowledged.
fn is_stored(entry: &Entry) -> bool {
    matches!(entry.act, Act::Upload { .. }) && entry.ended == Ended::Ok
}

/// Whether a piece was.
fn is_piece(entry: &Entry) -> bool {
    matches!(entry.act, Act::SendPiece { .. }) && entry.ended == Ended::Ok
}
