//! Orphan processes of a launcher.

use std::fs;

/// Command lines of running processes with that process as `--parent`. Systems without
/// `/proc` report none.
pub(crate) fn children_of(pid: u32) -> Vec<String> {
    let flag = format!("--parent\0{pid}\0");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| {
        let line = fs::read_to_string(process.path().join("cmdline")).ok()?;
        line.contains(&flag).then(|| line.replace('\0', " "))
    });
    lines.collect()
}
