//! What a replica's memory grows by with each session, in a process that does nothing else.
//!
//! A process of its own, because memory that was given back is used again: a second
//! measurement in one process would find room that the first has left.

use crate::stage::people::{member, username};
use anyhow::{Context, bail, ensure};
use std::any::Any;
use std::fs;
use std::hint::black_box;
use std::process::Command;
use std::time::Duration;

/// The first argument of that process.
pub(crate) const ROLE: &str = "hold";

/// Longer than any measurement.
const LIFE: Duration = Duration::from_secs(12 * 3_600);

/// Whose map it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Map {
    Phase1,
    Phase2,
}

impl Map {
    const fn name(self) -> &'static str {
        match self {
            Self::Phase1 => "phase-1",
            Self::Phase2 => "phase-2",
        }
    }
}

/// Bytes for each session, from a process that holds so many of them.
pub(crate) fn bytes_of_each(map: Map, sessions: usize) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    let command = command.args([ROLE, map.name(), &sessions.to_string()]);
    let output = command.output().context("cannot start this program again")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{map:?} could not be measured: {}", said.trim());
    let grown = String::from_utf8_lossy(&output.stdout);
    let grown: f64 = grown.trim().parse().context("a process that tells its memory")?;
    Ok(grown / f64::from(u32::try_from(sessions)?))
}

/// The life of that process: it logs everybody in, and tells by how many bytes it grew.
pub(crate) fn hold(args: &[String]) -> anyhow::Result<()> {
    let [map, sessions] = args else { bail!("{ROLE} MAP SESSIONS") };
    let sessions = sessions.parse()?;
    // What is only made once is made by then.
    let _first = log_in(map, 1)?;
    let before = resident_bytes()?;
    let held = log_in(map, sessions)?;
    let after = resident_bytes()?;
    black_box(&held);
    println!("{}", after.saturating_sub(before));
    Ok(())
}

fn log_in(map: &str, sessions: usize) -> anyhow::Result<Box<dyn Any>> {
    let all = 0..sessions;
    if map == Map::Phase1.name() {
        use stateful_server::sessions::{SessionLimits, Sessions};
        let limits = SessionLimits { idle: LIFE, absolute: LIFE, max_live: sessions };
        let map = Sessions::new(limits);
        let born = all.filter(|number| map.start(username(*number)).is_ok()).count();
        ensure!(born == sessions, "{born} sessions were born");
        return Ok(Box::new(map));
    }
    use upload_server::sessions::SessionLimits;
    use upload_server::sessions::memory::Memory;
    let (max_live, max_per_user) = (sessions, 1);
    let limits = SessionLimits { idle: LIFE, absolute: LIFE, max_live, max_per_user };
    let map = Memory::new(limits);
    let born = all.filter(|number| map.start(&member(*number)).is_ok()).count();
    ensure!(born == sessions, "{born} sessions were born");
    Ok(Box::new(map))
}

/// Counted page by page; `VmRSS` may be some pages behind.
fn resident_bytes() -> anyhow::Result<u64> {
    let pages = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = pages.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = number.context("the kernel tells no memory")?.trim().parse()?;
    Ok(kilobytes * 1_024)
}
