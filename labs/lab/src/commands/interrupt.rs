//! Signals that end a command. The command is dropped, which ends its processes and removes
//! its temporary files.

use futures_util::future::select_all;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Added to a signal's number in an exit code, as shells do.
const SIGNAL_BASE: u8 = 128;

/// The signals and their numbers: Ctrl-C, SIGTERM, and a closed terminal.
const SIGNALS: [(SignalKind, u8); 3] = [
    (SignalKind::interrupt(), 2),
    (SignalKind::terminate(), 15),
    (SignalKind::hangup(), 1),
];

/// Runs a command until it ends, or until one of the signals arrives.
pub(crate) async fn until_interrupted(
    command: impl Future<Output = ExitCode>,
) -> ExitCode {
    let signals = SIGNALS.map(|(kind, number)| Box::pin(received(kind, number)));
    tokio::select! {
        // First, so that the signals are handled before the command makes its first file.
        biased;
        (number, ..) = select_all(signals) => ExitCode::from(SIGNAL_BASE + number),
        code = command => code,
    }
}

/// Resolves with the number of a signal when it arrives. A signal that was ignored from the
/// start stays ignored, as `nohup` asks for.
async fn received(kind: SignalKind, number: u8) -> u8 {
    if is_ignored(number) {
        return std::future::pending().await;
    }
    match signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
            number
        }
        // Without a handler the signal ends the process.
        Err(_) => std::future::pending().await,
    }
}

/// Whether this process ignores a signal; false on systems without `/proc`.
fn is_ignored(number: u8) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (number - 1)) & 1 == 1)
}
