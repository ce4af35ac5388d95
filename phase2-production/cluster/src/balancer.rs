//! The client of the balancer's admin listener.

use anyhow::{Context, bail};
use load_balancer::status::{BackendState, BackendStatus, PutBackend, Status};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest time for one attempt. Then the command is sent again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time for a command with all its attempts.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(15);

/// The balancer runs but does not answer in time. The cause is a busy machine, so a result
/// measured on it is inconclusive.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the balancer did not answer a command ({order}) within {} s. Unless it is paused, this \
     machine is too busy: close other programs, and run this again",
    waited.as_secs()
)]
pub struct BalancerTimeout {
    /// Method and path.
    pub order: String,
    /// The total time of all attempts.
    pub waited: Duration,
}

/// Sends commands to one balancer.
#[derive(Clone, Debug)]
pub(crate) struct BalancerAdmin {
    http: reqwest::Client,
    token: String,
    command_timeout: Duration,
}

impl BalancerAdmin {
    pub(crate) fn new(token: String) -> anyhow::Result<Self> {
        Self::with_timeouts(token, ATTEMPT_TIMEOUT, COMMAND_TIMEOUT)
    }

    fn with_timeouts(
        token: String,
        attempt_timeout: Duration,
        command_timeout: Duration,
    ) -> anyhow::Result<Self> {
        http_edge::crypto::install_provider();
        let http = reqwest::Client::builder()
            .timeout(attempt_timeout)
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { http, token, command_timeout })
    }

    /// The balancer's status, with a single attempt so that `lab status` does not wait.
    pub(crate) async fn status(&self, at: SocketAddr) -> anyhow::Result<Status> {
        let status: Result<_, reqwest::Error> =
            send(self.request(Method::GET, at, "status")).await;
        Ok(status?)
    }

    /// Registers the address of a replica. It gets requests after its first health check.
    pub(crate) async fn put(
        &self,
        at: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        let path = format!("backends/{id}");
        self.send_with_retries::<BackendStatus>(
            Method::PUT,
            at,
            &path,
            Some(&PutBackend { address }),
        )
        .await
        .map(drop)
    }

    pub(crate) async fn drain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        let path = format!("backends/{id}/drain");
        self.send_with_retries::<BackendStatus>(Method::POST, at, &path, None)
            .await
            .map(drop)
    }

    pub(crate) async fn undrain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        let path = format!("backends/{id}/undrain");
        self.send_with_retries::<BackendStatus>(Method::POST, at, &path, None)
            .await
            .map(drop)
    }

    /// Waits until the balancer reports the replica in one of `states`.
    pub(crate) async fn wait_for(
        &self,
        at: SocketAddr,
        id: &str,
        states: &[BackendState],
        limit: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let status: Status =
                self.send_with_retries(Method::GET, at, "status", None).await?;
            let state = status.backend(id).map(|backend| backend.state);
            if state.is_some_and(|state| states.contains(&state)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the balancer reports {id} as {state:?}, not as {states:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends a command, and sends it again while there is no answer. All commands are
    /// idempotent.
    async fn send_with_retries<T: DeserializeOwned>(
        &self,
        method: Method,
        at: SocketAddr,
        path: &str,
        body: Option<&PutBackend>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let name = format!("{method} {path}");
        loop {
            let request = self.request(method.clone(), at, path);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            match send(request).await {
                Err(error) if error.is_timeout() => {
                    let waited = began.elapsed();
                    if waited >= self.command_timeout {
                        bail!(BalancerTimeout { order: name, waited });
                    }
                }
                reply => {
                    let reply = reply.map_err(reqwest::Error::without_url);
                    return reply.with_context(|| format!("{name} to the balancer"));
                }
            }
        }
    }

    fn request(&self, method: Method, at: SocketAddr, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{at}/{path}")).bearer_auth(&self.token)
    }
}

async fn send<T: DeserializeOwned>(request: RequestBuilder) -> reqwest::Result<T> {
    request.send().await?.error_for_status()?.json().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use axum::{Json, Router};
    use load_balancer::config::Policy;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An admin listener that never answers the first `hanging` requests. Returns its address
    /// and its count of requests.
    async fn admin_listener(hanging: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let requests = Arc::new(AtomicUsize::default());
        let count = Arc::clone(&requests);
        let status = async move || {
            if count.fetch_add(1, Ordering::Relaxed) < hanging {
                std::future::pending::<()>().await;
            }
            Json(Status { policy: Policy::RoundRobin, backends: Vec::new() })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let routes = Router::new().route("/status", get(status));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (at, requests)
    }

    fn with_short_timeouts() -> BalancerAdmin {
        let (attempt_timeout, command_timeout) =
            (Duration::from_millis(300), Duration::from_secs(2));
        BalancerAdmin::with_timeouts("token".to_owned(), attempt_timeout, command_timeout)
            .unwrap()
    }

    #[tokio::test]
    async fn command_without_a_timely_answer_is_sent_again() {
        let (at, requests) = admin_listener(1).await;
        // A long timeout, because a slow machine may need more than one attempt.
        let admin = BalancerAdmin {
            command_timeout: Duration::from_secs(60),
            ..with_short_timeouts()
        };
        let status: Status =
            admin.send_with_retries(Method::GET, at, "status", None).await.unwrap();
        assert!(status.backends.is_empty());
        assert!(requests.load(Ordering::Relaxed) >= 2, "it was sent again");
    }

    #[tokio::test]
    async fn unresponsive_balancer_is_reported_as_too_busy_without_its_address() {
        let (at, _) = admin_listener(usize::MAX).await;
        let reply = with_short_timeouts()
            .wait_for(at, "r1", &[BackendState::Up], ATTEMPT_TIMEOUT)
            .await;
        // Callers add the name of a design or a replica as context.
        let error = reply.context("memory, sticky").unwrap_err();
        assert!(error.is::<BalancerTimeout>(), "{error:#}");
        let text = format!("{error:#}");
        assert!(text.contains("too busy") && !text.contains("http://"), "{text}");
    }

    #[tokio::test]
    async fn refused_connection_is_not_reported_as_too_busy() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let error = with_short_timeouts().drain(at, "r1").await.unwrap_err();
        assert!(!error.is::<BalancerTimeout>(), "{error:#}");
        assert!(!format!("{error:#}").contains("http://"), "{error:#}");
    }
}
