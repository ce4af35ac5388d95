//! The launcher's side of the balancer's admin listener.

use anyhow::{Context, bail};
use load_balancer::status::{BackendState, PutBackend, Status};
use reqwest::{Method, RequestBuilder};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long an order to the balancer may take.
const ORDER_LIMIT: Duration = Duration::from_secs(5);

/// Gives orders to one balancer.
#[derive(Clone, Debug)]
pub(crate) struct BalancerAdmin {
    http: reqwest::Client,
    token: String,
}

impl BalancerAdmin {
    pub(crate) fn new(token: String) -> anyhow::Result<Self> {
        http_edge::crypto::choose();
        let http = reqwest::Client::builder()
            .timeout(ORDER_LIMIT)
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { http, token })
    }

    pub(crate) async fn status(&self, at: SocketAddr) -> anyhow::Result<Status> {
        let reply = self.request(Method::GET, at, "status").send().await?;
        Ok(reply.error_for_status()?.json().await?)
    }

    /// Tells where a replica listens now; it gets requests once it has passed a check.
    pub(crate) async fn put(
        &self,
        at: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        let order = self.request(Method::PUT, at, &format!("backends/{id}"));
        give(order.json(&PutBackend { address })).await
    }

    pub(crate) async fn drain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        give(self.request(Method::POST, at, &format!("backends/{id}/drain"))).await
    }

    pub(crate) async fn undrain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        give(self.request(Method::POST, at, &format!("backends/{id}/undrain"))).await
    }

    /// Waits until the balancer sees the replica in one of `states`.
    pub(crate) async fn wait_for(
        &self,
        at: SocketAddr,
        id: &str,
        states: &[BackendState],
        limit: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let status = self.status(at).await?;
            let state = status.backend(id).map(|backend| backend.state);
            if state.is_some_and(|state| states.contains(&state)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the balancer sees {id} as {state:?}, not as {states:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn request(&self, method: Method, at: SocketAddr, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{at}/{path}")).bearer_auth(&self.token)
    }
}

async fn give(order: RequestBuilder) -> anyhow::Result<()> {
    order.send().await?.error_for_status()?;
    Ok(())
}
