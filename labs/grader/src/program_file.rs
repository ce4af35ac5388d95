//! The built program. It runs as the grading user, so it can damage its own file.

use anyhow::Context;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A program, as it was built.
#[derive(Debug)]
pub(crate) struct ProgramFile {
    path: PathBuf,
    built: Identity,
    has_run: AtomicBool,
}

/// What a change of a file changes: device and inode, size, mode, modification time.
type Identity = (u64, u64, u64, u32, i64, i64);

impl ProgramFile {
    /// The program at this path, before it has run.
    pub(crate) fn new(path: PathBuf) -> anyhow::Result<Self> {
        let about = fs::metadata(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { path, built: identity(&about), has_run: AtomicBool::new(false) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that it ran.
    pub(crate) fn ran(&self) {
        self.has_run.store(true, Ordering::Relaxed);
    }

    /// Whether it has changed since it was built. Before it has run, a change is not its own.
    pub(crate) fn is_damaged_by_itself(&self) -> bool {
        let now = fs::metadata(&self.path).ok().map(|about| identity(&about));
        self.has_run.load(Ordering::Relaxed) && now != Some(self.built)
    }
}

fn identity(about: &Metadata) -> Identity {
    let changed = (about.mtime(), about.mtime_nsec());
    (about.dev(), about.ino(), about.len(), about.mode(), changed.0, changed.1)
}
