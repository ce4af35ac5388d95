//! The replicas, and their restarts.

use crate::description::validate::{check_url, is_loopback};
use crate::description::{Description, InstanceEntry};
use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

/// The time within which an instance must answer after a restart.
const RESTART_TIMEOUT: Duration = Duration::from_secs(60);

/// The time within which the connections of a killed process must be closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// One replica.
#[derive(Clone, Debug, Serialize)]
pub struct Instance {
    /// Name in the report.
    pub name: String,
    /// Base URL that reaches only this replica.
    pub url: String,
    /// Headers that make a balancer send a request to it.
    #[serde(skip)]
    pub headers: BTreeMap<String, String>,
}

impl Instance {
    /// A replica with an address of its own.
    #[must_use]
    pub fn new(name: &str, url: &str) -> Self {
        let headers = BTreeMap::new();
        Self { name: name.to_owned(), url: url.to_owned(), headers }
    }
}

/// Kills processes and starts them again.
#[async_trait]
pub trait Restart: Send + Sync {
    /// Whether this one can be restarted.
    fn can_restart(&self, which: usize) -> bool;

    /// Whether all of these are down before the first is started again. Otherwise one may have
    /// passed its memory on to another.
    fn stops_all_before_start(&self, indexes: &[usize]) -> bool;

    /// Kills the processes of these instances and starts them again; returns their base URLs when
    /// all are ready. Data that was only in their memory is lost.
    ///
    /// # Errors
    /// When one does not end, or does not become ready.
    async fn restart(&self, indexes: &[usize]) -> anyhow::Result<Vec<String>>;
}

/// Two replicas or more of one service.
pub struct Instances {
    list: Vec<Instance>,
    restart: Option<Box<dyn Restart>>,
}

impl Instances {
    /// Replicas that cannot be restarted.
    ///
    /// # Errors
    /// When there are fewer than two, or two have the same URL.
    pub fn new(list: Vec<Instance>) -> anyhow::Result<Self> {
        ensure!(
            list.len() > 1,
            "two replicas at least are needed, each with its own URL"
        );
        for (at, one) in list.iter().enumerate() {
            check_url(&one.url).map_err(anyhow::Error::msg)?;
            let same =
                |other: &&Instance| other.url == one.url && other.headers == one.headers;
            if let Some(other) = list[..at].iter().find(same) {
                bail!(
                    "{} and {} are the same replica: {}",
                    other.name,
                    one.name,
                    one.url
                );
            }
        }
        Ok(Self { list, restart: None })
    }

    /// Adds a way to restart them.
    #[must_use]
    pub fn restarted_by(mut self, restart: impl Restart + 'static) -> Self {
        self.restart = Some(Box::new(restart));
        self
    }

    /// The replicas that a description names, with their restart commands.
    ///
    /// # Errors
    /// When it names fewer than two.
    pub fn of(description: &Description) -> anyhow::Result<Self> {
        let entries = &description.instances;
        let named = entries.iter().enumerate().map(|(at, entry)| Instance {
            name: entry.name.clone().unwrap_or_else(|| instance_letter(at)),
            url: entry.url.clone(),
            headers: entry.headers.clone(),
        });
        let instances = Self::new(named.collect())
            .context("name the replicas in [[instance]], or on the command line")?;
        Ok(instances.restarted_by(CommandRestart(entries.clone())))
    }

    /// Replicas at these base URLs, called `a`, `b` and so on.
    ///
    /// # Errors
    /// When there are fewer than two.
    pub fn at(urls: &[String]) -> anyhow::Result<Self> {
        let named = urls.iter().enumerate();
        Self::new(
            named.map(|(at, url)| Instance::new(&instance_letter(at), url)).collect(),
        )
    }

    /// The replicas.
    #[must_use]
    pub fn list(&self) -> &[Instance] {
        &self.list
    }

    /// Those that can be restarted.
    pub(crate) fn restartable(&self) -> Vec<usize> {
        let can = |which: &usize| {
            self.restart.as_ref().is_some_and(|restart| restart.can_restart(*which))
        };
        (0..self.list.len()).filter(can).collect()
    }

    /// Whether all of these are down at the same time when they are restarted.
    pub(crate) fn stops_all_before_start(&self, indexes: &[usize]) -> bool {
        self.restart
            .as_ref()
            .is_some_and(|restart| restart.stops_all_before_start(indexes))
    }

    /// Restarts some, and stores their new URLs.
    pub(crate) async fn restart(&mut self, indexes: &[usize]) -> anyhow::Result<()> {
        let restart =
            self.restart.as_ref().context("no restart command for these replicas")?;
        let urls = restart.restart(indexes).await?;
        for (which, url) in indexes.iter().zip(urls) {
            self.list[*which].url = url;
        }
        Ok(())
    }
}

fn instance_letter(at: usize) -> String {
    u8::try_from(at)
        .map_or_else(|_| at.to_string(), |at| char::from(b'a' + at % 26).into())
}

/// Restarts by the commands of a description.
struct CommandRestart(Vec<InstanceEntry>);

#[async_trait]
impl Restart for CommandRestart {
    fn can_restart(&self, which: usize) -> bool {
        let can = |entry: &InstanceEntry| {
            let commands = entry.restart.is_some() || stop_and_start(entry).is_some();
            commands && is_loopback(&entry.url)
        };
        self.0.get(which).is_some_and(can)
    }

    fn stops_all_before_start(&self, indexes: &[usize]) -> bool {
        let mut entries = indexes.iter().map(|which| self.0.get(*which));
        entries.all(|entry| entry.is_some_and(|entry| stop_and_start(entry).is_some()))
    }

    /// All are stopped before the first is started. Commands that do both run at the same time,
    /// because there is no moment between stop and start to wait for.
    async fn restart(&self, indexes: &[usize]) -> anyhow::Result<Vec<String>> {
        let entries = || indexes.iter().filter_map(|which| self.0.get(*which));
        if self.stops_all_before_start(indexes) {
            let ends = entries().filter_map(|one| Some((one, stop_and_start(one)?.0)));
            try_join_all(ends.map(|(entry, stop)| stop_process(entry, stop))).await?;
            let starts = entries().filter_map(|one| Some(stop_and_start(one)?.1));
            try_join_all(starts.map(run_command)).await?;
        } else {
            try_join_all(entries().map(restart_one)).await?;
        }
        try_join_all(entries().map(wait_until_ready)).await?;
        Ok(entries().map(|entry| entry.url.clone()).collect())
    }
}

/// The commands for stop and start, if it has both.
fn stop_and_start(entry: &InstanceEntry) -> Option<(&str, &str)> {
    entry.stop.as_deref().zip(entry.start.as_deref())
}

async fn restart_one(entry: &InstanceEntry) -> anyhow::Result<()> {
    match (stop_and_start(entry), entry.restart.as_deref()) {
        (Some((stop, start)), _) => {
            stop_process(entry, stop).await?;
            run_command(start).await
        }
        (None, Some(both)) => stop_process(entry, both).await,
        (None, None) => bail!("{} has no command to restart it", entry.url),
    }
}

/// Runs the command, and waits until the process has ended.
async fn stop_process(entry: &InstanceEntry, line: &str) -> anyhow::Result<()> {
    let connection = connect(&entry.url).await.context("nothing listens there")?;
    run_command(line).await?;
    ensure!(
        is_closed(connection).await,
        "{line} was run, and a connection to {} outlived it: the process was not restarted",
        entry.url
    );
    Ok(())
}

async fn run_command(line: &str) -> anyhow::Result<()> {
    let run = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(RESTART_TIMEOUT, run).await;
    let output = output.with_context(|| format!("{line} does not end"))??;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{line} failed: {}", stderr.trim());
    Ok(())
}

async fn connect(url: &str) -> anyhow::Result<TcpStream> {
    let url = reqwest::Url::parse(url)?;
    let host = url.host_str().context("a URL with a host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().context("a URL with a port")?;
    Ok(TcpStream::connect((host, port)).await?)
}

/// Whether the other end is closed: the kernel closes the connections of a process that ends.
async fn is_closed(mut connection: TcpStream) -> bool {
    let read = tokio::time::timeout(CLOSE_TIMEOUT, connection.read(&mut [0; 1])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

async fn wait_until_ready(entry: &InstanceEntry) -> anyhow::Result<()> {
    let deadline = Instant::now() + RESTART_TIMEOUT;
    let path = entry.ready.as_deref();
    let url = entry.url.trim_end_matches('/').to_owned() + path.unwrap_or("/");
    let client = client::Options::with_new_connections().build();
    loop {
        let mut request = client.get(&url);
        for (name, value) in &entry.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await;
        if answer.is_ok_and(|reply| path.is_none() || reply.status().is_success()) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{url} did not answer after the restart");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
