//! CPU use of the client and the machine during a measurement. A client without CPU time
//! measures its own delay.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::Serialize;
use std::fs;
use std::time::Instant;

/// Limit of the client's CPU use, in percent of one core; above it latencies are invalid.
pub const CLIENT_LIMIT_PERCENT: f64 = 70.0;

/// Limit of the machine's CPU use, in percent of all cores; above it latencies are invalid,
/// because other processes delay the servers.
pub const MACHINE_LIMIT_PERCENT: f64 = 95.0;

/// The start of an interval.
#[derive(Clone, Copy, Debug)]
pub struct CpuMeter {
    started_at: Instant,
    client_us: i64,
    machine: Option<Ticks>,
}

/// Processor ticks since the machine started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

/// CPU use during an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CpuUse {
    /// The client process, in percent of one core.
    pub client_percent: f64,
    /// All processes of the machine, in percent of all cores; absent if the system does not
    /// report it.
    pub machine_percent: Option<f64>,
}

impl CpuUse {
    /// The reason why latencies of this interval are invalid, if they are.
    #[must_use]
    pub fn invalid_reason(&self) -> Option<String> {
        let (client, machine) = (self.client_percent, self.machine_percent);
        if client > CLIENT_LIMIT_PERCENT {
            return Some(format!(
                "the client itself used {client:.0} % of a core (more than \
                 {CLIENT_LIMIT_PERCENT:.0} %)"
            ));
        }
        let percent = machine.filter(|used| *used > MACHINE_LIMIT_PERCENT)?;
        Some(format!("the machine was {percent:.0} % busy, all processes included"))
    }

    /// The higher value of each, of two intervals.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let machines = [self.machine_percent, other.machine_percent];
        Self {
            client_percent: self.client_percent.max(other.client_percent),
            machine_percent: machines.into_iter().flatten().reduce(f64::max),
        }
    }
}

impl CpuMeter {
    /// Starts an interval.
    #[must_use]
    pub fn start() -> Self {
        let (client_us, machine) = (client_us(), machine());
        Self { started_at: Instant::now(), client_us, machine }
    }

    /// CPU use since the start.
    #[must_use]
    pub fn cpu_use(&self) -> CpuUse {
        let now = Self::start();
        let wall = now.started_at.duration_since(self.started_at).as_secs_f64();
        CpuUse {
            client_percent: share(now.client_us - self.client_us, wall),
            machine_percent: match (self.machine, now.machine) {
                (Some(before), Some(after)) => busy_percent(before, after),
                _ => None,
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run are exact")]
fn share(used_us: i64, wall_s: f64) -> f64 {
    used_us as f64 / 1e6 / wall_s.max(1e-6) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a share; it need not be exact")]
fn busy_percent(before: Ticks, after: Ticks) -> Option<f64> {
    let all = after.all.checked_sub(before.all).filter(|all| *all > 0)?;
    Some(after.busy.saturating_sub(before.busy) as f64 / all as f64 * 100.0)
}

/// CPU time of this process, all threads, in microseconds.
fn client_us() -> i64 {
    let used = getrusage(UsageWho::RUSAGE_SELF);
    used.map_or(0, |used| {
        used.user_time().num_microseconds() + used.system_time().num_microseconds()
    })
}

fn machine() -> Option<Ticks> {
    ticks(&fs::read_to_string("/proc/stat").ok()?)
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, and more.
fn ticks(stat: &str) -> Option<Ticks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> =
        line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let (idle, waiting) = (fields.get(3)?, fields.get(4)?);
    // The last two fields are guest times, already contained in the first two.
    let all: u64 = fields.iter().take(8).sum();
    Some(Ticks { busy: all - idle - waiting, all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_iowait_ticks_are_not_busy() {
        let stat = "cpu  10 0 20 60 5 0 5 0 0 0\ncpu0 1 2 3\n";
        assert_eq!(ticks(stat), Some(Ticks { busy: 35, all: 100 }));
        assert_eq!(ticks("intr 5\n"), None);
    }

    #[test]
    fn busy_client_or_full_machine_invalidates_latencies() {
        let busy = |client_percent, machine| {
            CpuUse { client_percent, machine_percent: machine }.invalid_reason().is_some()
        };
        assert!(!busy(69.0, Some(94.0)) && !busy(69.0, None));
        assert!(busy(71.0, Some(50.0)) && busy(71.0, None));
        assert!(busy(5.0, Some(99.0)));
    }

    #[test]
    fn share_is_computed_from_the_tick_differences() {
        let (before, after) =
            (Ticks { busy: 100, all: 1_000 }, Ticks { busy: 150, all: 1_200 });
        assert_eq!(busy_percent(before, after), Some(25.0));
        assert_eq!(busy_percent(after, after), None);
        assert!((share(350_000, 0.5) - 70.0).abs() < 1e-9);
    }
}
