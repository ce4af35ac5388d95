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
    /// When the name is not one, or the lab's folder cannot be read.
    pub async fn find(name: &str) -> anyhow::Result<Option<Self>> {
        let http = reqwest::Client::builder()
            .timeout(ORDER_LIMIT)
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        for at in whereabouts::notes(name)? {
            let found = Self { http: http.clone(), at };
            if found.status().await.is_ok() {
                return Ok(Some(found));
            }
        }
        Ok(None)
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
