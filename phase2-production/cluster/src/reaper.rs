//! A process that waits for the launcher to end and then removes what it left.
//!
//! After an orderly stop there is nothing left and it just goes. It exists for SIGKILL:
//! a killed process cannot tidy up after itself, so somebody else must.

use crate::run_dir;
use anyhow::bail;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the launcher's children may take to die and let go of their files.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the end of standard input, which the launcher alone holds open, then
/// removes `dir`.
///
/// # Errors
/// When `dir` is not a launcher's folder, or cannot be removed; then the next launcher
/// does it.
pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    if !run_dir::is_place_of_one(dir)? {
        bail!("{} is not a launcher's folder", dir.display());
    }
    // Ctrl-C reaches every process of a terminal's group; this one must come last.
    let _already_leads_a_group = nix::unistd::setsid();
    let mut input = std::io::stdin().lock();
    let mut buffer = [0_u8; 64];
    while input.read(&mut buffer).is_ok_and(|read| read > 0) {}

    let deadline = Instant::now() + PATIENCE;
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
