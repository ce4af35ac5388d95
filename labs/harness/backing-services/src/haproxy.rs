//! An installed HAProxy, which the lab's balancer is compared with.

use anyhow::{Context, ensure};
use process::{Process, Signal, command_with_death_signal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The timeout until it accepts connections.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The interval of polling for its start.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// Starts HAProxy with these configuration files and environment variables, and waits until
/// `accepts` holds. Returns [`None`] if it ended before: another process may have taken its
/// port.
///
/// # Errors
/// When it cannot be started, or accepts nothing in time.
pub async fn haproxy(
    files: &[&Path],
    environment: &[(&str, &str)],
    mut accepts: impl AsyncFnMut() -> bool,
) -> anyhow::Result<Option<Process>> {
    let mut command =
        command_with_death_signal(Path::new("haproxy"), None, Signal::SIGKILL);
    // In the foreground (-db), and without sharing the port (-dR).
    command.args(["-db", "-dR"]);
    for file in files {
        command.arg("-f").arg(file);
    }
    command.envs(environment.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::start(command)
        .context("cannot start HAProxy through setpriv (of util-linux)")?;
    let deadline = Instant::now() + START_TIMEOUT;
    while !accepts().await {
        if process.has_ended() {
            return Ok(None);
        }
        ensure!(Instant::now() < deadline, "HAProxy accepts no connection");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(Some(process))
}

/// The installed version of HAProxy, such as `2.6.12`; [`None`] without one.
#[must_use]
pub fn haproxy_version() -> Option<String> {
    let output = Command::new("haproxy").arg("-v").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.split_whitespace().nth(2)?.to_owned())
}
