//! The other terminal's side.

use super::whereabouts::{self, Whereabouts};
use crate::orders::Order;
use crate::status::ClusterStatus;
use anyhow::{Context, bail};
use reqwest::{Method, RequestBuilder, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an order may take: an orderly restart waits for requests under way.
const ORDER_LIMIT: Duration = Duration::from_secs(60);

/// How long a launcher may take to say that it is there: it has nothing to look up.
const PRESENCE_LIMIT: Duration = Duration::from_secs(2);

/// The answer to an order that could not be carried out.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Refused {
    pub(super) error: String,
}

/// The answer to an order for one more replica.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Added {
    pub(super) id: String,
}

/// Gives orders to a running cluster.
#[derive(Clone)]
pub struct ControlClient {
    http: reqwest::Client,
    at: Whereabouts,
}

impl ControlClient {
    /// The running cluster of that name, if there is one.
    ///
    /// # Errors
    /// When the name is not one, the lab's folder cannot be read, or the launcher of that
    /// name is there but does not answer.
    pub async fn find(name: &str) -> anyhow::Result<Option<Self>> {
        http_edge::crypto::choose();
        let http = reqwest::Client::builder()
            .timeout(ORDER_LIMIT)
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        for at in whereabouts::notes(name)? {
            let found = Self { http: http.clone(), at };
            if found.is_there().await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A launcher that has ended refuses connections at once. One that takes them and is
    /// silent is not gone: to go on without it would be to start a second one.
    async fn is_there(&self) -> anyhow::Result<bool> {
        let asked = self.request(Method::GET, "").timeout(PRESENCE_LIMIT).send().await;
        let Whereabouts { name, pid, .. } = &self.at;
        match asked {
            Ok(reply) => Ok(reply.status().is_success()),
            Err(error) if error.is_timeout() => bail!(
                "the launcher of {name} (process {pid}) does not answer; is it stopped? \
                 If it is still starting, wait a moment; kill -CONT {pid} lets a stopped \
                 one go on, kill -9 {pid} ends it"
            ),
            Err(_) => Ok(false),
        }
    }

    /// Everything at this moment.
    ///
    /// # Errors
    /// When the launcher does not answer.
    pub async fn status(&self) -> anyhow::Result<ClusterStatus> {
        let reply = answered(self.request(Method::GET, "status")).await?;
        reply.json().await.context("the launcher's answer cannot be understood")
    }

    /// Carries out an order on one member, and returns when it is done.
    ///
    /// # Errors
    /// When the launcher refuses; the message is its own.
    pub async fn order(&self, id: &str, order: Order) -> anyhow::Result<()> {
        let path = format!("members/{id}/{}", order.as_str());
        answered(self.request(Method::POST, &path)).await.map(drop)
    }

    /// Starts one more replica and returns its name.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add(&self) -> anyhow::Result<String> {
        let reply = answered(self.request(Method::POST, "members")).await?;
        let added: Added = reply.json().await.context("the launcher's answer")?;
        Ok(added.id)
    }

    /// Stops the cluster, and returns when the launcher has let go of everything.
    ///
    /// # Errors
    /// When the launcher does not take the order, or is not done after a minute.
    pub async fn down(&self) -> anyhow::Result<()> {
        let run_dir = self.status().await?.run_dir;
        answered(self.request(Method::POST, "down")).await?;
        let gone = async {
            while run_dir.exists() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(ORDER_LIMIT, gone).await.context("the launcher goes on")
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}/{path}", self.at.address);
        self.http.request(method, url).bearer_auth(&self.at.token)
    }
}

async fn answered(request: RequestBuilder) -> anyhow::Result<Response> {
    let reply = request.send().await.context("the launcher does not answer")?;
    if reply.status().is_success() {
        return Ok(reply);
    }
    let status = reply.status();
    match reply.json::<Refused>().await {
        Ok(refused) => bail!("{}", refused.error),
        Err(_) => bail!("the launcher refused with {status}"),
    }
}
