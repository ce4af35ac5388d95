//! The client of the control API.

use super::control_file::{self, ControlFile};
use crate::commands::MemberAction;
use crate::status::ClusterStatus;
use anyhow::{Context, bail};
use client::Options;
use reqwest::{Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::Duration;

/// The longest time for a command. An orderly restart waits for open requests.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time for a launcher to answer the presence check, which needs no work.
const PRESENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// The reply to a command that failed.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ErrorReply {
    pub(super) error: String,
}

/// The reply to the command that adds a replica.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Added {
    pub(super) id: String,
}

/// Sends commands to a running cluster.
#[derive(Clone)]
pub struct ControlClient {
    http: reqwest::Client,
    control: ControlFile,
}

impl ControlClient {
    /// The running cluster of that name, if there is one.
    ///
    /// # Errors
    /// When the name is invalid, the lab's folder cannot be read, or the launcher of that name
    /// runs but does not answer.
    pub async fn find(name: &str) -> anyhow::Result<Option<Self>> {
        let http = Options { timeout: COMMAND_TIMEOUT, ..Options::default() }.build();
        for control in control_file::find_all(name)? {
            let found = Self { http: http.clone(), control };
            if found.is_running().await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A launcher that has ended refuses connections at once. A launcher that accepts them
    /// without an answer still runs, so starting a second one would be an error. An error of
    /// this process, such as too many open files, says nothing about the launcher.
    async fn is_running(&self) -> anyhow::Result<bool> {
        let ask = || self.request(Method::GET, "").timeout(PRESENCE_TIMEOUT).send();
        let mut reply = ask().await;
        if reply.as_ref().is_err_and(|error| !error.is_timeout()) {
            // A launcher that ends during a request refuses the next one.
            reply = ask().await;
        }
        let ControlFile { name, pid, .. } = &self.control;
        match reply {
            Ok(reply) => Ok(reply.status().is_success()),
            Err(error) if error.is_timeout() => bail!(
                "the launcher of {name} (process {pid}) does not answer; is it stopped? \
                 If it is still starting, wait a moment; kill -CONT {pid} lets a stopped \
                 one go on, kill -9 {pid} ends it"
            ),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(error.without_url()).with_context(|| {
                format!("cannot ask the launcher of {name} (process {pid})")
            }),
        }
    }

    /// The process id of the launcher.
    #[must_use]
    pub const fn launcher_pid(&self) -> u32 {
        self.control.pid
    }

    /// The current status.
    ///
    /// # Errors
    /// When the launcher does not answer.
    pub async fn status(&self) -> anyhow::Result<ClusterStatus> {
        let reply = send(self.request(Method::GET, "status")).await?;
        reply.json().await.context("the launcher's reply cannot be parsed")
    }

    /// Executes a command on one member, and returns when it is done.
    ///
    /// # Errors
    /// When the launcher refuses. The error is the launcher's message.
    pub async fn execute(&self, id: &str, command: MemberAction) -> anyhow::Result<()> {
        let path = format!("members/{id}/{}", command.as_str());
        send(self.request(Method::POST, &path)).await.map(drop)
    }

    /// Starts one more replica and returns its id.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add(&self) -> anyhow::Result<String> {
        let reply = send(self.request(Method::POST, "members")).await?;
        let added: Added =
            reply.json().await.context("the launcher's reply cannot be parsed")?;
        Ok(added.id)
    }

    /// Stops the cluster, and returns when its run folder is removed.
    ///
    /// # Errors
    /// When the launcher does not accept the command, or has not finished after a minute.
    pub async fn down(&self) -> anyhow::Result<()> {
        let run_dir = self.status().await?.run_dir;
        send(self.request(Method::POST, "down")).await?;
        let gone = async {
            // A folder that cannot be checked may still exist.
            while run_dir.try_exists().unwrap_or(true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(COMMAND_TIMEOUT, gone)
            .await
            .context("the launcher is still running")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}/{path}", self.control.address);
        self.http.request(method, url).bearer_auth(&self.control.token)
    }
}

/// Whether no process listens at the address.
fn is_refused(error: &reqwest::Error) -> bool {
    let error: &(dyn Error + 'static) = error;
    let mut causes = iter::successors(Some(error), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>());
    causes.any(|error| {
        matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound)
    })
}

async fn send(request: RequestBuilder) -> anyhow::Result<Response> {
    let reply = request.send().await.context("the launcher does not answer")?;
    if reply.status().is_success() {
        return Ok(reply);
    }
    let status = reply.status();
    match reply.json::<ErrorReply>().await {
        Ok(reply) => bail!("{}", reply.error),
        Err(_) => bail!("the launcher refused with {status}"),
    }
}
