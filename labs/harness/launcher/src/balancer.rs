//! The client of the balancer's admin listener. Every order is sent once: the reconciler
//! repeats it until the balancer's own status shows it.

use client::Options;
use load_balancer::status::{BackendStatus, PutBackend, Status};
use reqwest::{Method, RequestBuilder, Response};
use std::net::SocketAddr;
use std::time::Duration;

/// The longest time for one answer.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The balancer runs but does not answer in time. The cause is a busy machine, so a result
/// measured on it is inconclusive.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the balancer did not answer a command ({order}) within {} s. Unless it is paused, this \
     machine is too busy: close other programs, and run this again",
    waited.as_secs()
)]
pub struct BalancerTimeout {
    /// The command, such as `drain r1`.
    pub order: String,
    /// The total time of all attempts.
    pub waited: Duration,
}

/// Sends orders to one balancer.
#[derive(Clone, Debug)]
pub(crate) struct BalancerAdmin {
    http: reqwest::Client,
    token: String,
}

impl BalancerAdmin {
    pub(crate) fn new(token: String) -> Self {
        let options = Options { timeout: ATTEMPT_TIMEOUT, ..Options::default() };
        Self { http: options.build(), token }
    }

    pub(crate) async fn status(&self, at: SocketAddr) -> reqwest::Result<Status> {
        send(self.request(Method::GET, at, "status")).await?.json().await
    }

    /// Registers the address of a replica. It gets requests after its first health check.
    pub(crate) async fn put(
        &self,
        at: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> reqwest::Result<()> {
        let request = self.request(Method::PUT, at, &format!("backends/{id}"));
        let reply = send(request.json(&PutBackend { address })).await?;
        reply.json::<BackendStatus>().await.map(drop)
    }

    pub(crate) async fn set_drained(
        &self,
        at: SocketAddr,
        id: &str,
        drained: bool,
    ) -> reqwest::Result<()> {
        let command = if drained { "drain" } else { "undrain" };
        let path = format!("backends/{id}/{command}");
        send(self.request(Method::POST, at, &path)).await.map(drop)
    }

    pub(crate) async fn remove(&self, at: SocketAddr, id: &str) -> reqwest::Result<()> {
        send(self.request(Method::DELETE, at, &format!("backends/{id}"))).await.map(drop)
    }

    fn request(&self, method: Method, at: SocketAddr, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{at}/{path}")).bearer_auth(&self.token)
    }
}

/// The error does not contain the URL: the address of a private listener helps no user.
async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    let reply = request.send().await.and_then(Response::error_for_status);
    reply.map_err(reqwest::Error::without_url)
}
