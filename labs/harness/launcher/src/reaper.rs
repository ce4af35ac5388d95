//! The reaper: a process that waits for the end of the launcher and then removes its run
//! folder.
//!
//! It exists for SIGKILL, because a killed launcher cannot remove its folder. After an orderly
//! stop the folder is gone already, and the reaper exits.

use crate::run_dir;
use anyhow::{Context, bail};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest time that the launcher's children may take to end and close their files.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the end of standard input, which only the launcher holds open, and then removes
/// `dir`.
///
/// # Errors
/// When `dir` is not a run folder, or cannot be removed. The next launcher then removes it.
pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    if !run_dir::is_run_dir_path(dir)? {
        bail!("{} is not the run folder of a launcher", dir.display());
    }
    // After a failed read the launcher may still run. The next one removes the folder.
    io::copy(&mut io::stdin().lock(), &mut io::sink())
        .context("cannot wait for the end of the launcher")?;

    let deadline = Instant::now() + CLEANUP_TIMEOUT;
    while dir.exists() {
        match fs::remove_dir_all(dir) {
            Err(_) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(50));
            }
            removed => removed?,
        }
    }
    Ok(())
}
