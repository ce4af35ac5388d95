//! The server of the control API.

use super::client::{Added, ErrorReply};
use super::control_file::{self, ControlFile};
use crate::cluster::Cluster;
use crate::commands::{MemberAction, hint};
use crate::control::client::ControlClient;
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
use process::RunDir;
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

/// The header values that a request must have.
#[derive(Clone, Debug)]
struct Expected {
    authorization: String,
    host: String,
}

/// The state of the routes.
#[derive(Clone)]
struct ControlState {
    cluster: Arc<Cluster>,
    down: CancellationToken,
}

impl ControlServer {
    /// Takes a name and a port. The caller does this first, so that a second launcher of the
    /// same name fails before it starts a process.
    ///
    /// # Errors
    /// When a cluster of that name runs, or its launcher does not answer.
    pub async fn bind(name: &str, run_dir: &RunDir) -> anyhow::Result<Self> {
        let _lock = control_file::lock_names()?;
        if ControlClient::find(name).await?.is_some() {
            bail!(
                "a cluster named {name} is up. Stop it ({}) or choose another name (--name)",
                hint("down", name)
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
        ControlFile { name, pid, address, token }.write(run_dir)?;
        Ok(Self { listener, expected })
    }

    /// The base URL, and the token that requests must have.
    #[must_use]
    pub fn address_and_token(&self) -> (String, String) {
        let Expected { authorization, host } = &self.expected;
        let token = authorization.trim_start_matches("Bearer ");
        (format!("http://{host}"), token.to_owned())
    }

    /// Executes commands until `stop` completes or the command `down` arrives.
    pub async fn serve(self, cluster: Arc<Cluster>, stop: impl Future<Output = ()>) {
        let down = CancellationToken::new();
        let state = ControlState { cluster, down: down.clone() };
        let routes = Router::new()
            .route("/", get(async || reply(())))
            .route("/status", get(status))
            .route("/members", post(add))
            .route("/members/{id}/{command}", post(execute))
            .route("/down", post(shut_down))
            .with_state(state)
            .layer(from_fn_with_state(self.expected.clone(), authenticate));
        let drain = Drain {
            readiness: Readiness::default(),
            grace: Duration::ZERO,
            deadline: Duration::from_secs(1),
        };
        let shutdown = async {
            tokio::select! {
                () = stop => {}
                () = down.cancelled() => {}
            }
        };
        serve(self.listener, routes, drain, shutdown).await;
    }
}

/// Requires the token, and rejects web pages: a page whose own name resolves to this address
/// (DNS rebinding) sends that name as `Host`.
async fn authenticate(
    State(expected): State<Expected>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let authenticated = header_matches(headers, &AUTHORIZATION, &expected.authorization)
        && header_matches(headers, &HOST, &expected.host);
    if authenticated {
        return next.run(request).await;
    }
    let error = "the control token is missing or wrong".to_owned();
    (StatusCode::UNAUTHORIZED, reply(ErrorReply { error })).into_response()
}

fn header_matches(headers: &HeaderMap, name: &HeaderName, expected: &str) -> bool {
    let given = headers.get(name).map_or(&[][..], |value| value.as_bytes());
    bool::from(given.ct_eq(expected.as_bytes()))
}

async fn status(State(state): State<ControlState>) -> Json<Document<ClusterStatus>> {
    Json(state.cluster.status().await.document())
}

async fn add(State(state): State<ControlState>) -> Response {
    let cluster = Arc::clone(&state.cluster);
    run_to_completion(async move { cluster.add().await.map(|id| Added { id }) }).await
}

async fn execute(
    State(state): State<ControlState>,
    Path((id, command)): Path<(String, MemberAction)>,
) -> Response {
    let cluster = Arc::clone(&state.cluster);
    run_to_completion(async move { cluster.execute(&id, command).await }).await
}

async fn shut_down(State(state): State<ControlState>) -> Json<Document<()>> {
    state.down.cancel();
    reply(())
}

/// The JSON document of every reply but the status.
fn reply<T>(body: T) -> Json<Document<T>> {
    Json(Document::new("lab-control", 1, body))
}

/// Runs a command to completion even if the client disconnects, because half a restart is worse
/// than none.
async fn run_to_completion<T: Serialize + Send + 'static>(
    command: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> Response {
    let error = match tokio::spawn(command).await {
        Ok(Ok(done)) => return reply(done).into_response(),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panicked) => panicked.to_string(),
    };
    (StatusCode::CONFLICT, reply(ErrorReply { error })).into_response()
}
