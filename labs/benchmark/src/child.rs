//! A measured process: this program in another role. It is killed when it is dropped.

use anyhow::{Context, ensure};
use http_edge::ready::ReadyLine;
use process::{Lines, Process, Program};
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

/// The time within which a process must print its ready line.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A running process and its address.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl ChildProcess {
    /// A role of a cluster, such as `balancer`.
    pub(crate) async fn role(
        args: impl IntoIterator<Item = OsString>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start("serve", args, environment).await
    }

    /// A peer: see [`crate::peers`].
    pub(crate) async fn peer(
        args: impl IntoIterator<Item = OsString>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start("peer", args, environment).await
    }

    async fn start(
        command: &str,
        args: impl IntoIterator<Item = OsString>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("cannot find this program")?;
        let program = Program { path, prefix: vec![command.into()] };
        let mut command = program.child_command();
        command
            .args(args)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            // Peers do not log requests, so our servers do not either.
            .env("RUST_LOG", "warn")
            .stderr(Stdio::null());
        let mut process =
            Process::start(command).context("cannot start this program again")?;
        let output = process.stdout.take().context("standard output is piped")?;
        let output = Lines::read(output);
        let ready = process.ready(&output, ReadyLine::parse, START_TIMEOUT).await;
        Ok(Self { address: ready.context("a server")?.address, process })
    }

    /// The process id.
    ///
    /// # Errors
    /// When the process has ended.
    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        ensure!(!self.process.has_ended(), "a measured process has ended");
        Ok(self.process.pid().cast_unsigned())
    }

    /// Sends SIGKILL and waits until the process has ended.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

/// Processor time that a process has used so far, all threads, in seconds.
pub(crate) fn processor_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = processor_ticks(&stat).context("the kernel names no processor time")?;
    let a_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?;
    let a_second = a_second.filter(|ticks| *ticks > 0).context("a clock that ticks")?;
    #[expect(clippy::cast_precision_loss, reason = "ticks of a run")]
    Ok(ticks as f64 / a_second as f64)
}

/// User and system time from /proc/PID/stat: the fields after the name, which may contain
/// blanks and brackets.
fn processor_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) =
        (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// A line of /proc/PID/status in bytes, such as `VmRSS` or `VmHWM`.
pub(crate) fn memory_bytes(pid: u32, line: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found =
        status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let number = found.and_then(|text| text.split_whitespace().next());
    let kib: u64 = number.with_context(|| format!("no {line}"))?.parse()?;
    Ok(kib * 1_024)
}

/// Resets the peak memory (`VmHWM`) of a process.
pub(crate) fn reset_peak_memory(pid: u32) -> anyhow::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").context("cannot reset a peak")?;
    ensure!(memory_bytes(pid, "VmHWM")? > 0, "a peak of nothing");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1 0";
        assert_eq!(processor_ticks(stat), Some(150));
        assert_eq!(processor_ticks("7 (short) S 1"), None);
    }

    #[test]
    fn this_process_has_memory_and_has_used_a_processor() {
        let me = std::process::id();
        assert!(memory_bytes(me, "VmRSS").unwrap() > 100_000);
        assert!(processor_seconds(me).unwrap() >= 0.0);
        assert!(memory_bytes(me, "VmNothing").is_err());
    }
}
