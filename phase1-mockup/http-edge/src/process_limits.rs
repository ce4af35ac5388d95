//! Limits of the operating system that would end the process.

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Makes a write beyond the file size limit (`ulimit -f`) fail with the error EFBIG. Without a
/// handler the signal SIGXFSZ ends the process (setrlimit(2), `RLIMIT_FSIZE`). The handler stays
/// for the life of the process.
///
/// # Panics
/// Outside a tokio runtime.
pub fn survive_file_size_limit() {
    if let Err(error) = signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)) {
        tracing::warn!(%error, "a file above the size limit will end this process");
    }
}
