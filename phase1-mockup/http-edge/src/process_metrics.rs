//! The `process_*` metrics that Prometheus' client libraries agree on, read from `/proc`.
//! On a system without `/proc` they are absent.

use std::fmt::Write;
use std::fs;

/// Clock ticks a second in `/proc` (`USER_HZ`): 100 on every architecture that Linux has
/// been ported to in this century.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics in the Prometheus text format. They are written here and not recorded,
/// because the CPU time is a counter with a fraction and the recorder's are whole numbers.
pub(crate) fn render() -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            let header = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            let _never_fails = write!(text, "{header}{name} {value}\n\n");
        }
    };
    let stat = Stat::read();
    add(
        "process_cpu_seconds_total",
        "counter",
        "User and system CPU time",
        stat.as_ref().map(|stat| stat.cpu_seconds),
    );
    add(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process since 1970",
        stat.as_ref().and_then(|stat| Some(boot_time()? + stat.started_after_boot)),
    );
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key| first_number(&status, key);
    for (name, help, value) in [
        (
            "process_resident_memory_bytes",
            "Resident memory",
            number("VmRSS:").map(|kib| kib * 1024.0),
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory",
            number("VmSize:").map(|kib| kib * 1024.0),
        ),
        ("process_threads", "Threads of the operating system", number("Threads:")),
        ("process_open_fds", "Open file descriptors", open_descriptors()),
        ("process_max_fds", "Limit on open file descriptors", max_descriptors()),
    ] {
        add(name, "gauge", help, value);
    }
    text
}

struct Stat {
    cpu_seconds: f64,
    started_after_boot: f64,
}

impl Stat {
    /// Fields 14, 15 and 22 of proc_pid_stat(5). The second one, the program's name, may
    /// hold spaces and ends with the last parenthesis.
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<_> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let seconds = |number: usize| {
            let ticks: f64 = fields.get(number - 3)?.parse().ok()?;
            Some(ticks / TICKS_PER_SECOND)
        };
        let cpu_seconds = seconds(14)? + seconds(15)?;
        Some(Self { cpu_seconds, started_after_boot: seconds(22)? })
    }
}

fn boot_time() -> Option<f64> {
    first_number(&fs::read_to_string("/proc/stat").ok()?, "btime")
}

fn max_descriptors() -> Option<f64> {
    first_number(&fs::read_to_string("/proc/self/limits").ok()?, "Max open files")
}

/// The descriptor that reads the folder is open too, and is not counted.
#[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53")]
fn open_descriptors() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(open.saturating_sub(1) as f64)
}

/// The number after `key`, which begins a line.
fn first_number(text: &str, key: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn value(name: &str) -> f64 {
        let text = render();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    #[test]
    fn process_metrics_describe_this_process() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3_600.0).contains(&age), "started {age} s ago");
        assert!(value("process_cpu_seconds_total") < 3_600.0);
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        let open = value("process_open_fds");
        assert!(open >= 3.0 && open <= value("process_max_fds"), "{open} open");
        assert!(value("process_threads") >= 1.0);
    }
}
