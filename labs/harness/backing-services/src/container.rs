//! A private container, controlled by the docker command.
//!
//! It is created without `--rm`, because a killed container has to be started again with its
//! data. A reaper removes it. If the reaper was killed, too, the next start finds the container
//! by its label and removes it.

use crate::found::Found;
use crate::kind::State;
use crate::port;
use crate::probe::Probe;
use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use process::Reaper;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The images; `scripts/images` pulls or builds them.
pub(crate) const REDIS: &str = "redis:7-bookworm";
pub(crate) const POSTGRES: &str = "postgres:15-bookworm";

/// The label with the owner of a container, network or volume: see [`owner`].
pub const OWNER_LABEL: &str = "stateless-lab.owner";

/// The timeout of a query to the engine.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeout to start or stop a container.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// The timeout until a started server answers: a new Postgres creates its data.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// The maximum number of ports to try: another process may take one first.
const MAX_PORT_ATTEMPTS: usize = 3;

/// Removes the container `$1` with its volumes. If this process was killed, it does so several
/// times, because an interrupted start may create the container later.
const REMOVE: &str = r#"
docker rm --force --volumes "$1"
[ -n "$orderly" ] && exit
for pause in 1 2 4; do sleep $pause; docker rm --force --volumes "$1"; done
"#;

/// The settings of a container.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) image: &'static str,
    /// The server's port inside the container.
    pub(crate) port: u16,
    /// The user of the server; [`None`] for the user of the image.
    pub(crate) user: Option<&'static str>,
    /// Passed by name only, so that no secret is on a command line.
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) command: Vec<&'static str>,
    pub(crate) probe: Probe,
}

/// A running container. It is removed with its data when dropped.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    port: u16,
    probe: Probe,
    state: Mutex<State>,
    _reaper: Reaper,
}

/// Whether the engine has an image. Images are never pulled from here.
pub(crate) async fn image(image: &'static str) -> Result<Found, String> {
    let query = ["version", "--format", "{{.Server.Version}}"];
    if docker(&query, &[], QUERY_TIMEOUT).await.is_err() {
        return Err("the Docker engine does not answer".to_owned());
    }
    let inspected = docker(&["image", "inspect", image], &[], QUERY_TIMEOUT).await;
    inspected.map(|_| Found::Image(image)).map_err(|_| {
        format!("the Docker engine has no image {image}: run scripts/images")
    })
}

impl Container {
    /// Starts a container and waits until its server answers.
    pub(crate) async fn run(run: Run) -> anyhow::Result<Self> {
        remove_orphan_containers().await;
        let mut attempt = 1;
        loop {
            match Self::run_once(&run).await {
                Err(error) if attempt < MAX_PORT_ATTEMPTS && is_about_a_port(&error) => {
                    attempt += 1
                }
                ran => return ran,
            }
        }
    }

    async fn run_once(run: &Run) -> anyhow::Result<Self> {
        let suffix = port::password()?;
        let name = format!("stateless-lab-{}-{}", run.name, &suffix[..12]);
        let container = Self {
            _reaper: Reaper::start(REMOVE, [&name])?,
            name,
            port: port::free()?,
            probe: run.probe.clone(),
            state: Mutex::new(State::Up),
        };
        let publish = format!("127.0.0.1:{}:{}", container.port, run.port);
        let label = format!("{OWNER_LABEL}={}", owner());
        let mut args = vec!["run", "--detach", "--pull", "never"];
        args.extend(["--name", &container.name, "--label", &label]);
        args.extend(["--publish", &publish]);
        if let Some(user) = run.user {
            args.extend(["--user", user]);
        }
        for (variable, _) in &run.environment {
            args.extend(["--env", variable]);
        }
        args.push(run.image);
        args.extend(&run.command);
        docker(&args, &run.environment, COMMAND_TIMEOUT).await?;
        container.wait_until_ready().await?;
        Ok(container)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The state after the last command. Asking the engine would take too long.
    pub(crate) fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) async fn kill9(&self) -> anyhow::Result<()> {
        self.command("kill", State::Down).await
    }

    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.command("pause", State::Paused).await
    }

    pub(crate) async fn resume(&self) -> anyhow::Result<()> {
        self.command("unpause", State::Up).await
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        if self.state() == State::Paused {
            self.resume().await?;
        }
        self.command("stop", State::Down).await
    }

    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        if self.state() == State::Paused {
            self.resume().await?;
        }
        self.command("restart", State::Up).await?;
        self.wait_until_ready().await
    }

    async fn command(&self, command: &str, new_state: State) -> anyhow::Result<()> {
        docker(&[command, &self.name], &[], COMMAND_TIMEOUT).await?;
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = new_state;
        Ok(())
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.probe.answers(self.port).await {
            let running = ["inspect", "--format", "{{.State.Running}}", &self.name];
            let running = docker(&running, &[], QUERY_TIMEOUT).await?;
            if running != "true" || Instant::now() > deadline {
                let logs = ["logs", "--tail", "3", &self.name];
                let log = docker(&logs, &[], QUERY_TIMEOUT).await.unwrap_or_default();
                bail!("{} does not answer: {log}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

fn is_about_a_port(error: &anyhow::Error) -> bool {
    let text = error.to_string();
    text.contains("port is already allocated") || text.contains("address already in use")
}

/// Containers, networks and volumes, in the order in which they can be removed: the commands
/// that list and remove them.
const RESOURCES: [(&[&str], &str, &[&str]); 3] = [
    (&["ps", "--all"], "{{.ID}}", &["rm", "--force", "--volumes"]),
    (&["network", "ls"], "{{.ID}}", &["network", "rm"]),
    (&["volume", "ls"], "{{.Name}}", &["volume", "rm"]),
];

/// Removes orphan containers, networks and volumes: their owner has ended.
pub async fn remove_orphan_containers() {
    for (list, name, remove) in RESOURCES {
        let filter = format!("label={OWNER_LABEL}");
        let format = format!("{name} {{{{.Label \"{OWNER_LABEL}\"}}}}");
        let list = [list, &["--filter", &filter, "--format", &format]].concat();
        let listed = docker(&list, &[], QUERY_TIMEOUT).await.unwrap_or_default();
        let owned = listed.lines().filter_map(|line| line.split_once(' '));
        for (name, _) in owned.filter(|(_, owner)| is_gone(owner)) {
            let remove = [remove, &[name]].concat();
            let _removed_by_another_process = docker(&remove, &[], COMMAND_TIMEOUT).await;
        }
    }
}

/// A unique name of this process: the boot and process namespace, the process id and the
/// start time. The value of [`OWNER_LABEL`]. An unreadable part is empty.
#[must_use]
pub fn owner() -> String {
    let pid = std::process::id();
    let (namespace, start) = (namespace(), started(pid));
    format!("{}.{pid}.{}", namespace.unwrap_or_default(), start.unwrap_or_default())
}

/// Whether an owner was in this namespace and has ended. Processes of another namespace are
/// not visible.
fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split('.');
    let (Some(of), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(pid) = pid.parse() else { return false };
    namespace().is_some_and(|here| here == of) && has_ended(pid, start)
}

/// Whether the process with this id and start time has ended. A start time that cannot be
/// read shows nothing: this process may have too many open files, or no permission.
fn has_ended(pid: u32, start: &str) -> bool {
    let Ok(id) = i32::try_from(pid) else { return false };
    if id > 0 && kill(Pid::from_raw(id), None) == Err(Errno::ESRCH) {
        return true;
    }
    // The id may belong to a later process.
    !start.is_empty() && started(pid).is_some_and(|now| now != start)
}

/// This boot and this process namespace, in which process ids are unique; [`None`] if they
/// cannot be read.
fn namespace() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let names = std::fs::read_link("/proc/self/ns/pid").ok()?;
    let text = format!("{}-{}", boot.trim(), names.display());
    Some(text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect())
}

/// The start time of a process in ticks since boot; [`None`] if it cannot be read.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Runs a docker command and returns its output.
async fn docker(
    args: &[&str],
    environment: &[(&str, String)],
    timeout: Duration,
) -> anyhow::Result<String> {
    let output = Command::new("docker")
        .args(args)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let command = args.first().unwrap_or(&"");
    let output = tokio::time::timeout(timeout, output).await;
    let output = output.with_context(|| format!("docker {command} timed out"))?;
    let output = output.context("cannot start docker")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("docker {command}: {}", text(&output.stderr));
    }
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Ok(if stdout.is_empty() { stderr } else { stdout })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ended_owners_are_gone() {
        let own = owner();
        assert!(!is_gone(&own), "{own}");
        let (here, pid) = (namespace().unwrap(), std::process::id());
        assert!(is_gone(&format!("{here}.{pid}.1")), "a later process has the id");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&format!("{here}.{}.1", child.id())), "it was reaped");
    }

    #[test]
    fn unreadable_parts_of_owners_show_no_end() {
        let (here, pid) = (namespace().unwrap(), std::process::id());
        for owner in [
            format!("{here}.{pid}."),
            format!(".{pid}.1"),
            format!("{here}.0.1"),
            format!("{here}.4294967295.1"),
            format!("{here}.-1.1"),
            here,
        ] {
            assert!(!is_gone(&owner), "{owner}");
        }
    }
}
