//! The launcher's side of the balancer's admin listener.

use anyhow::{Context, bail};
use load_balancer::status::{BackendState, BackendStatus, PutBackend, Status};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long the balancer may take for one answer before it is asked again.
const ONE_TRY: Duration = Duration::from_secs(5);

/// How long it may leave an order without any answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The balancer's process is there and does not get to answer. That says something about
/// the machine, and nothing about what was to be shown on it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the balancer did not answer an order ({order}) within {} s. Unless it is paused, this \
     machine is too busy: close what keeps it busy, and run this again",
    waited.as_secs()
)]
pub struct TooBusy {
    /// Method and path.
    pub order: String,
    /// How long it was given again and again.
    pub waited: Duration,
}

/// Gives orders to one balancer.
#[derive(Clone, Debug)]
pub(crate) struct BalancerAdmin {
    http: reqwest::Client,
    token: String,
    patience: Duration,
}

impl BalancerAdmin {
    pub(crate) fn new(token: String) -> anyhow::Result<Self> {
        Self::with_patience(token, ONE_TRY, PATIENCE)
    }

    fn with_patience(
        token: String,
        one_try: Duration,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        http_edge::crypto::choose();
        let http = reqwest::Client::builder()
            .timeout(one_try)
            .no_proxy()
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { http, token, patience })
    }

    /// What the balancer sees, asked once: whoever wants to look is not kept waiting.
    pub(crate) async fn status(&self, at: SocketAddr) -> anyhow::Result<Status> {
        let asked: Result<_, reqwest::Error> =
            sent(self.request(Method::GET, at, "status")).await;
        Ok(asked?)
    }

    /// Tells where a replica listens now; it gets requests once it has passed a check.
    pub(crate) async fn put(
        &self,
        at: SocketAddr,
        id: &str,
        address: SocketAddr,
    ) -> anyhow::Result<()> {
        let path = format!("backends/{id}");
        self.give::<BackendStatus>(Method::PUT, at, &path, Some(&PutBackend { address }))
            .await
            .map(drop)
    }

    pub(crate) async fn drain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        let path = format!("backends/{id}/drain");
        self.give::<BackendStatus>(Method::POST, at, &path, None).await.map(drop)
    }

    pub(crate) async fn undrain(&self, at: SocketAddr, id: &str) -> anyhow::Result<()> {
        let path = format!("backends/{id}/undrain");
        self.give::<BackendStatus>(Method::POST, at, &path, None).await.map(drop)
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
            let status: Status = self.give(Method::GET, at, "status", None).await?;
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

    /// Gives an order, and gives it again while no answer comes: each says what is to be,
    /// not what is to change, so that twice is as good as once.
    async fn give<T: DeserializeOwned>(
        &self,
        method: Method,
        at: SocketAddr,
        path: &str,
        body: Option<&PutBackend>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let what = format!("{method} {path}");
        loop {
            let order = self.request(method.clone(), at, path);
            let order = match body {
                Some(body) => order.json(body),
                None => order,
            };
            match sent(order).await {
                Err(error) if error.is_timeout() => {
                    let waited = began.elapsed();
                    if waited >= self.patience {
                        bail!(TooBusy { order: what, waited });
                    }
                }
                answered => {
                    let answered = answered.map_err(reqwest::Error::without_url);
                    return answered.with_context(|| format!("{what} to the balancer"));
                }
            }
        }
    }

    fn request(&self, method: Method, at: SocketAddr, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{at}/{path}")).bearer_auth(&self.token)
    }
}

async fn sent<T: DeserializeOwned>(order: RequestBuilder) -> reqwest::Result<T> {
    order.send().await?.error_for_status()?.json().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use axum::{Json, Router};
    use load_balancer::config::Policy;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An admin listener that keeps so many of its first callers waiting for ever. Tells
    /// where it is, and counts who has called.
    async fn silent_to(first: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::default());
        let count = Arc::clone(&asked);
        let status = async move || {
            if count.fetch_add(1, Ordering::Relaxed) < first {
                std::future::pending::<()>().await;
            }
            Json(Status { policy: Policy::RoundRobin, backends: Vec::new() })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let routes = Router::new().route("/status", get(status));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (at, asked)
    }

    fn impatient() -> BalancerAdmin {
        let (one_try, patience) = (Duration::from_millis(300), Duration::from_secs(2));
        BalancerAdmin::with_patience("token".to_owned(), one_try, patience).unwrap()
    }

    #[tokio::test]
    async fn an_order_that_is_answered_too_late_is_given_again() {
        let (at, asked) = silent_to(1).await;
        // A long patience: a slow machine may be too late for more than one try.
        let admin = BalancerAdmin { patience: Duration::from_secs(60), ..impatient() };
        let status: Status = admin.give(Method::GET, at, "status", None).await.unwrap();
        assert!(status.backends.is_empty());
        assert!(asked.load(Ordering::Relaxed) >= 2, "it was asked again");
    }

    #[tokio::test]
    async fn a_balancer_that_never_answers_is_a_busy_machine_and_not_an_address() {
        let (at, _) = silent_to(usize::MAX).await;
        let given = impatient().wait_for(at, "r1", &[BackendState::Up], ONE_TRY).await;
        // Whoever is told has put the name of a lane, or of a replica, before it.
        let told = given.context("memory, sticky").unwrap_err();
        assert!(told.is::<TooBusy>(), "{told:#}");
        let text = format!("{told:#}");
        assert!(text.contains("too busy") && !text.contains("http://"), "{text}");
    }

    #[tokio::test]
    async fn a_balancer_that_is_gone_is_no_busy_machine() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        drop(listener);
        let error = impatient().drain(at, "r1").await.unwrap_err();
        assert!(!error.is::<TooBusy>(), "{error:#}");
        assert!(!format!("{error:#}").contains("http://"), "{error:#}");
    }
}
