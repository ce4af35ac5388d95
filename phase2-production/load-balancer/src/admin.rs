//! The admin listener: status and commands, which require a token, and `/metrics`. It is on
//! loopback and accepts only a loopback `Host`, so that no web page reaches it by DNS
//! rebinding.

use crate::Balancer;
use crate::status::{BackendStatus, PutBackend, Status};
use anyhow::{Context, bail};
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use api_contract::{Message, paths};
use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http_edge::args::replica_id;
use http_edge::health::Readiness;
use http_edge::json_body::JsonBody;
use http_edge::loopback_host;
use http_edge::recorder;
use http_edge::refusal::Refusal;
use http_edge::reply::{Completed, Replies, UrlInLog};
use http_edge::serve::{Drain, serve};
use std::path::Path as FilePath;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;

/// The admin listener and its token.
#[derive(Debug)]
pub struct Admin {
    /// Bound to loopback.
    pub listener: TcpListener,
    /// Expected as `Authorization: Bearer …`.
    pub token: Secret,
}

/// Reads the token, without the white space around it.
///
/// # Errors
/// When the file cannot be read or is empty: any caller could send an empty token.
pub fn read_token(file: &FilePath) -> anyhow::Result<Secret> {
    let text = std::fs::read_to_string(file).with_context(|| {
        format!("cannot read the admin token from {}", file.display())
    })?;
    if text.trim().is_empty() {
        bail!("the admin token in {} is empty", file.display());
    }
    Ok(Secret::new(text.trim()))
}

/// Serves the admin listener until `shutdown` completes.
pub(crate) async fn serve_admin(
    admin: Admin,
    balancer: Balancer,
    shutdown: impl Future<Output = ()>,
) {
    let drain = Drain {
        readiness: Readiness::default(),
        grace: Duration::ZERO,
        deadline: Duration::from_secs(1),
    };
    serve(admin.listener, routes(balancer, admin.token), drain, shutdown).await;
}

fn routes(balancer: Balancer, token: Secret) -> Completed {
    let replies = Replies::without_metrics(&balancer.edge().replica_id, UrlInLog::Path);
    let routes = Router::new()
        .route("/status", get(status))
        .route("/backends/{id}", put(put_backend).delete(remove))
        .route("/backends/{id}/drain", post(drain))
        .route("/backends/{id}/undrain", post(undrain))
        .layer(middleware::from_fn_with_state(token, require_token))
        .route(paths::LIVEZ, get(livez))
        .merge(recorder::routes())
        .layer(middleware::from_fn(require_loopback_host))
        .with_state(balancer);
    Completed::new(routes, replies)
}

async fn livez() -> Json<Message> {
    Json(Message { message: "alive".to_owned() })
}

async fn status(State(balancer): State<Balancer>) -> Json<Status> {
    Json(balancer.status())
}

async fn put_backend(
    State(balancer): State<Balancer>,
    Path(id): Path<String>,
    JsonBody(backend): JsonBody<PutBackend>,
) -> Result<Json<BackendStatus>, Refusal> {
    let id = replica_id(&id)
        .map_err(|error| Refusal::new(ProblemKind::MalformedRequest).detail(error))?;
    Ok(Json(balancer.put_backend(&id, backend.address)))
}

async fn remove(
    State(balancer): State<Balancer>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if balancer.remove_backend(&id) { Ok(StatusCode::NO_CONTENT) } else { Err(unknown()) }
}

async fn drain(
    State(balancer): State<Balancer>,
    Path(id): Path<String>,
) -> Result<Json<BackendStatus>, Refusal> {
    balancer.drain_backend(&id).map(Json).ok_or_else(unknown)
}

async fn undrain(
    State(balancer): State<Balancer>,
    Path(id): Path<String>,
) -> Result<Json<BackendStatus>, Refusal> {
    balancer.undrain_backend(&id).map(Json).ok_or_else(unknown)
}

fn unknown() -> Refusal {
    Refusal::new(ProblemKind::NotFound).detail("There is no backend with this id.")
}

async fn require_token(
    State(token): State<Secret>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    // In constant time, so that the time reveals no prefix of the token.
    let given = bearer(request.headers()).unwrap_or_default();
    if !bool::from(given.as_bytes().ct_eq(token.expose().as_bytes())) {
        return Err(Refusal::new(ProblemKind::InvalidCredentials)
            .detail("Send the admin token as Authorization: Bearer.")
            .challenge("Bearer"));
    }
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

async fn require_loopback_host(
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    loopback_host::require(request.headers())?;
    Ok(next.run(request).await)
}
