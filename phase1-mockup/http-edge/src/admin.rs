//! The admin listener of a server: `/metrics`, on loopback and under a loopback name only.

use crate::health::Readiness;
use crate::request_id::RequestId;
use crate::serve::{Drain, serve};
use crate::{listen, loopback_host, recorder};
use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use std::net::SocketAddr;
use std::time::Duration;

/// Starts recording and serves `/metrics` on `address` until the process ends. Returns the
/// address of the listener; without an `address` it does nothing.
///
/// # Errors
/// When the address is not loopback or cannot be bound.
pub async fn start(address: Option<SocketAddr>) -> anyhow::Result<Option<SocketAddr>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = listen::bind_admin(address).await?;
    let bound = listener.local_addr().context("the admin listener's address")?;
    let drain = Drain {
        readiness: Readiness::default(),
        grace: Duration::ZERO,
        deadline: Duration::ZERO,
    };
    let routes: Router = recorder::routes().layer(from_fn(require_loopback_host));
    tokio::spawn(serve(listener, routes, drain, std::future::pending()));
    Ok(Some(bound))
}

async fn require_loopback_host(request: Request, next: Next) -> Response {
    match loopback_host::require(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_named_response(RequestId::of(&request).as_str()),
    }
}
