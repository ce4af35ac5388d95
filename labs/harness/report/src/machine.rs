//! The machine of a run: figures have no meaning without it.

use serde::{Deserialize, Serialize};
use std::fs;

/// A machine, as its system describes it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Machine {
    /// The operating system's name and version.
    pub system: String,
    /// The processor's name.
    pub processor: String,
    /// Hardware threads.
    pub cores: usize,
    /// Main memory in bytes; absent if the system does not report it.
    pub memory_bytes: Option<u64>,
    /// Load average over the minute before the run.
    pub load_before: Option<f64>,
}

impl Machine {
    /// The current machine.
    #[must_use]
    pub fn current() -> Self {
        let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
        let system = format!("{} {}", std::env::consts::OS, release.trim());
        let memory = read("/proc/meminfo").and_then(|text| memory_bytes(&text));
        Self {
            system: system.trim().to_owned(),
            processor: read("/proc/cpuinfo")
                .and_then(|text| processor(&text))
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory,
            load_before: read("/proc/loadavg")
                .and_then(|text| text.split(' ').next()?.parse().ok()),
        }
    }

    /// Processor, cores, memory and system in one line.
    #[must_use]
    pub fn description(&self) -> String {
        let Self { system, processor, cores, .. } = self;
        let gigabytes = self.memory_bytes.map(|bytes| bytes >> 30);
        let memory = gigabytes.map_or_else(String::new, |gib| format!(", {gib} GiB"));
        format!("{processor}, {cores} cores{memory}, {system}")
    }

    /// The load before the run, or that the system does not report it.
    #[must_use]
    pub fn load_text(&self) -> String {
        let load = self.load_before;
        load.map_or_else(|| "not reported".to_owned(), |load| format!("{load:.1}"))
    }
}

/// Whether this program is a release build.
#[must_use]
pub const fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug" } else { "release" }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_read_from_proc_files() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2.5GHz\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("Some CPU @ 2.5GHz"));
        assert_eq!(memory_bytes("MemTotal:        2 kB\n"), Some(2_048));
        assert_eq!(memory_bytes("nothing"), None);
    }

    #[test]
    fn current_machine_has_a_core() {
        assert!(Machine::current().cores > 0);
    }

    #[test]
    fn unknown_memory_and_load_are_not_described() {
        let mut machine = Machine {
            system: "linux 6.0".to_owned(),
            processor: "A processor".to_owned(),
            cores: 2,
            memory_bytes: Some(4 << 30),
            load_before: Some(0.25),
        };
        assert_eq!(machine.description(), "A processor, 2 cores, 4 GiB, linux 6.0");
        assert_eq!(machine.load_text(), "0.2");
        (machine.memory_bytes, machine.load_before) = (None, None);
        assert_eq!(machine.description(), "A processor, 2 cores, linux 6.0");
        assert_eq!(machine.load_text(), "not reported");
    }
}
