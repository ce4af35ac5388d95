//! A private container, through the docker command.
//!
//! It is made without `--rm`: a container that was killed must be there to be started
//! again with its data. A guard removes it; where even the guard was killed, the next
//! start finds its label and removes it.

use crate::choice::Found;
use crate::guard::Guard;
use crate::kind::State;
use crate::port;
use crate::probe::Probe;
use anyhow::{Context, bail};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// The usual images; `scripts/images` pulls or builds them.
pub(crate) const REDIS: &str = "redis:7-bookworm";
pub(crate) const POSTGRES: &str = "postgres:15-bookworm";

/// Whose container, network or volume it is: see [`owner`].
pub const OWNER_LABEL: &str = "stateless-lab.owner";

/// How long the engine may take to answer a question, and to start or stop a container.
const QUESTION_LIMIT: Duration = Duration::from_secs(5);
const ORDER_LIMIT: Duration = Duration::from_secs(60);

/// How long a server in a container may take to answer: a new Postgres makes its data.
const START_LIMIT: Duration = Duration::from_secs(90);

/// How many ports are tried, should somebody take one first.
const ATTEMPTS: usize = 3;

/// What to run.
pub(crate) struct Run {
    pub(crate) name: &'static str,
    pub(crate) image: &'static str,
    /// Inside the container.
    pub(crate) port: u16,
    /// Who runs it; [`None`] for whom the image names.
    pub(crate) user: Option<&'static str>,
    /// Given by name only, so that no secret stands on a command line.
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) command: Vec<&'static str>,
    pub(crate) probe: Probe,
}

/// A running container. Dropped, it is removed with its data.
#[derive(Debug)]
pub(crate) struct Container {
    name: String,
    port: u16,
    probe: Probe,
    state: Mutex<State>,
    _guard: Guard,
}

/// Whether an image is here: nothing is pulled without being asked.
pub(crate) async fn image(image: &'static str) -> Result<Found, String> {
    let asked = ["version", "--format", "{{.Server.Version}}"];
    if docker(&asked, &[], QUESTION_LIMIT).await.is_err() {
        return Err("no Docker engine answers".to_owned());
    }
    let inspected = docker(&["image", "inspect", image], &[], QUESTION_LIMIT).await;
    inspected.map(|_| Found::Image(image)).map_err(|_| {
        format!("the Docker engine has no image {image}: scripts/images gets it")
    })
}

impl Container {
    /// Starts it and waits until it answers.
    pub(crate) async fn run(run: Run) -> anyhow::Result<Self> {
        remove_abandoned().await;
        let mut attempt = 1;
        loop {
            match Self::run_once(&run).await {
                Err(error) if attempt < ATTEMPTS && is_about_a_port(&error) => {
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
            _guard: Guard::of_container(&name)?,
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
        docker(&args, &run.environment, ORDER_LIMIT).await?;
        container.until_it_answers().await?;
        Ok(container)
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What was ordered last: to ask the engine takes too long for a look.
    pub(crate) fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) async fn kill9(&self) -> anyhow::Result<()> {
        self.order("kill", State::Down).await
    }

    pub(crate) async fn pause(&self) -> anyhow::Result<()> {
        self.order("pause", State::Paused).await
    }

    pub(crate) async fn resume(&self) -> anyhow::Result<()> {
        self.order("unpause", State::Up).await
    }

    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        if self.state() == State::Paused {
            self.resume().await?;
        }
        self.order("stop", State::Down).await
    }

    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        if self.state() == State::Paused {
            self.resume().await?;
        }
        self.order("restart", State::Up).await?;
        self.until_it_answers().await
    }

    async fn order(&self, order: &str, leads_to: State) -> anyhow::Result<()> {
        docker(&[order, &self.name], &[], ORDER_LIMIT).await?;
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = leads_to;
        Ok(())
    }

    async fn until_it_answers(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while !self.probe.answers(self.port).await {
            let running = ["inspect", "--format", "{{.State.Running}}", &self.name];
            let running = docker(&running, &[], QUESTION_LIMIT).await?;
            if running != "true" || Instant::now() > deadline {
                let logs = ["logs", "--tail", "3", &self.name];
                let said = docker(&logs, &[], QUESTION_LIMIT).await.unwrap_or_default();
                bail!("{} does not answer: {said}", self.name);
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

/// What an owner may have left, in the order in which it lets go of each other: how it is
/// listed, and how it is removed.
const LEFTOVERS: [(&[&str], &str, &[&str]); 3] = [
    (&["ps", "--all"], "{{.ID}}", &["rm", "--force", "--volumes"]),
    (&["network", "ls"], "{{.ID}}", &["network", "rm"]),
    (&["volume", "ls"], "{{.Name}}", &["volume", "rm"]),
];

/// Removes containers, networks and volumes whose owner is gone.
pub async fn remove_abandoned() {
    for (list, name, remove) in LEFTOVERS {
        let filter = format!("label={OWNER_LABEL}");
        let format = format!("{name} {{{{.Label \"{OWNER_LABEL}\"}}}}");
        let list = [list, &["--filter", &filter, "--format", &format]].concat();
        let listed = docker(&list, &[], QUESTION_LIMIT).await.unwrap_or_default();
        let owned = listed.lines().filter_map(|line| line.split_once(' '));
        for (name, _) in owned.filter(|(_, owner)| is_gone(owner)) {
            let remove = [remove, &[name]].concat();
            let _somebody_else_did = docker(&remove, &[], ORDER_LIMIT).await;
        }
    }
}

/// Names this process so that it can be told from every other, also from later ones with
/// its id, and from those that this process cannot see. The value of [`OWNER_LABEL`].
#[must_use]
pub fn owner() -> String {
    let pid = std::process::id();
    format!("{}.{pid}.{}", space(), started(pid).unwrap_or_default())
}

/// Whether an owner was in our space and has ended. One in another cannot be judged.
fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split('.');
    let (Some(of), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let pid: Option<u32> = pid.parse().ok();
    of == space() && pid.is_some_and(|pid| started(pid).as_deref() != Some(start))
}

/// Where this process' ids mean something: this boot, and this namespace.
fn space() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let names = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let text = format!("{}-{}", boot.unwrap_or_default().trim(), names.display());
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

/// When a process was started, in ticks since boot.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Runs the docker command to its end and returns what it printed.
async fn docker(
    args: &[&str],
    environment: &[(&str, String)],
    limit: Duration,
) -> anyhow::Result<String> {
    let output = Command::new("docker")
        .args(args)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let order = args.first().unwrap_or(&"");
    let output = tokio::time::timeout(limit, output).await;
    let output = output.with_context(|| format!("docker {order} takes too long"))?;
    let output = output.context("cannot start docker")?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if !output.status.success() {
        bail!("docker {order}: {}", said(&output.stderr));
    }
    let (printed, logged) = (said(&output.stdout), said(&output.stderr));
    Ok(if printed.is_empty() { logged } else { printed })
}
