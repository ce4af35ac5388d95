//! The limits of a sandboxed program.

use std::ffi::OsString;
use std::time::Duration;

/// Threads per process: the kernel's limit counts threads as well as processes.
pub(crate) const THREADS_PER_PROCESS: u64 = 32;

/// Limits of a sandboxed program.
#[derive(Clone, Copy, Debug)]
pub struct Restrictions {
    /// Number of processes, including its own.
    pub processes: u64,
    /// Resident memory of all its processes, in bytes.
    pub memory: u64,
    /// Time until it is killed.
    pub time: Duration,
}

impl Restrictions {
    /// The arguments of the sandbox for these limits.
    pub(crate) fn args(&self) -> [OsString; 3] {
        [
            self.processes.to_string(),
            self.memory.to_string(),
            self.time.as_millis().to_string(),
        ]
        .map(OsString::from)
    }

    /// Number of threads in all its processes.
    pub(super) const fn threads(&self) -> u64 {
        self.processes.saturating_mul(THREADS_PER_PROCESS)
    }

    pub(super) fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || args.next()?.to_str()?.parse().ok();
        let (processes, memory, time) = (number()?, number()?, number()?);
        Some(Self { processes, memory, time: Duration::from_millis(time) })
    }
}
