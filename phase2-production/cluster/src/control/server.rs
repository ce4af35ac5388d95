//! The launcher's side.

use super::client::{Added, Refused};
use super::whereabouts::{self, Whereabouts};
use crate::cluster::Cluster;
use crate::control::client::ControlClient;
use crate::orders::Order;
use crate::run_dir::RunDir;
use crate::status::ClusterStatus;
use anyhow::{Context, bail};
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http_edge::health::Readiness;
use http_edge::listen;
use http_edge::serve::{Drain, serve};
use outcome::Document;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A bound control port.
#[derive(Debug)]
pub struct ControlServer {
    listener: TcpListener,
    expected: Expected,
}

/// What a request must bring.
#[derive(Clone, Debug)]
struct Expected {
    authorization: String,
    host: String,
}

/// What the routes use.
#[derive(Clone)]
struct Orders {
    cluster: Arc<Cluster>,
    down: CancellationToken,
}

impl ControlServer {
    /// Takes a name and a port. To be done first, so that a second launcher of the same
    /// name stops before it has started anything.
    ///
    /// # Errors
    /// When a cluster of that name runs, or seems to.
    pub async fn bind(name: &str, run_dir: &RunDir) -> anyhow::Result<Self> {
        let _turn = whereabouts::turn()?;
        if ControlClient::find(name).await?.is_some() {
            bail!(
                "a cluster named {name} is up. Stop it (cargo lab down) or name another \
                 (--name)"
            );
        }
        let listener = listen::bind_admin(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr().context("the control port")?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let expected = Expected {
            authorization: format!("Bearer {token}"),
            host: address.to_string(),
        };
        let (name, pid) = (name.to_owned(), std::process::id());
        Whereabouts { name, pid, address, token }.write(run_dir)?;
        Ok(Self { listener, expected })
    }

    /// Where it listens, and what it asks for.
    #[must_use]
    pub fn address_and_token(&self) -> (String, String) {
        let Expected { authorization, host } = &self.expected;
        let token = authorization.trim_start_matches("Bearer ");
        (format!("http://{host}"), token.to_owned())
    }

    /// Obeys until `stop` ends or the order to go down comes.
    pub async fn obey(self, cluster: Arc<Cluster>, stop: impl Future<Output = ()>) {
        let down = CancellationToken::new();
        let orders = Orders { cluster, down: down.clone() };
        let routes = Router::new()
            .route("/", get(async || reply(())))
            .route("/status", get(status))
            .route("/members", post(add))
            .route("/members/{id}/{order}", post(order))
            .route("/down", post(go_down))
            .with_state(orders)
            .layer(from_fn_with_state(self.expected.clone(), admit));
        let drain = Drain {
            readiness: Readiness::default(),
            grace: Duration::ZERO,
            deadline: Duration::from_secs(1),
        };
        let told = async {
            tokio::select! {
                () = stop => {}
                () = down.cancelled() => {}
            }
        };
        serve(self.listener, routes, drain, told).await;
    }
}

/// Lets in who knows the token, and no web page: a page that has its own name resolve to
/// this address (DNS rebinding) sends that name as `Host`.
async fn admit(
    State(expected): State<Expected>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let admitted = brings(headers, &AUTHORIZATION, &expected.authorization)
        && brings(headers, &HOST, &expected.host);
    if admitted {
        return next.run(request).await;
    }
    let error = "the control token is missing or wrong".to_owned();
    (StatusCode::UNAUTHORIZED, reply(Refused { error })).into_response()
}

fn brings(headers: &HeaderMap, name: &HeaderName, expected: &str) -> bool {
    let given = headers.get(name).map_or(&[][..], |value| value.as_bytes());
    bool::from(given.ct_eq(expected.as_bytes()))
}

async fn status(State(orders): State<Orders>) -> Json<Document<ClusterStatus>> {
    Json(orders.cluster.status().await.document())
}

async fn add(State(orders): State<Orders>) -> Response {
    let cluster = Arc::clone(&orders.cluster);
    to_the_end(async move { cluster.add().await.map(|id| Added { id }) }).await
}

async fn order(
    State(orders): State<Orders>,
    Path((id, order)): Path<(String, Order)>,
) -> Response {
    let cluster = Arc::clone(&orders.cluster);
    to_the_end(async move { cluster.order(&id, order).await }).await
}

async fn go_down(State(orders): State<Orders>) -> Json<Document<()>> {
    orders.down.cancel();
    reply(())
}

/// The JSON document of every reply but the status.
fn reply<T>(body: T) -> Json<Document<T>> {
    Json(Document::new("lab-control", 1, body))
}

/// Carries an order out even if whoever gave it has hung up: half a restart is worse
/// than none.
async fn to_the_end<T: Serialize + Send + 'static>(
    order: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Response {
    let refused = match tokio::spawn(order).await {
        Ok(Ok(done)) => return reply(done).into_response(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panicked) => panicked.to_string(),
    };
    (StatusCode::CONFLICT, reply(Refused { error: refused })).into_response()
}
