//! The routes of tus.
//!
//! `X-HTTP-Method-Override` replaces the method of a `POST`, for clients that cannot send
//! `PATCH` or `DELETE`. That has to happen before the method chooses a handler, so the
//! methods of a path are a service of their own behind one route.

use super::headers::with_version_always;
use super::{append, create, offset, options, terminate};
use crate::state::AppState;
use api_contract::paths;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodRouter, any, patch, post};
use http::{HeaderName, Method};
use std::convert::Infallible;
use tower::ServiceExt;

const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// The collection with a slash at its end: some clients join URLs that way.
const TUS_WITH_SLASH: &str = "/api/tus/";

/// The routes of resumable uploads.
pub(crate) fn routes(state: AppState) -> Router {
    let all = post(create).options(options).with_state(state.clone());
    let one = patch(append).head(offset).delete(terminate).options(options);
    Router::new()
        .route(paths::TUS, overridable(all.clone()))
        .route(TUS_WITH_SLASH, overridable(all))
        .route(paths::TUS_UPLOAD, overridable(one.with_state(state)))
}

fn overridable(methods: MethodRouter<(), Infallible>) -> MethodRouter<(), Infallible> {
    any(async move |request: Request| -> Response {
        let done = methods.oneshot(with_override(request)).await;
        with_version_always(done.unwrap_or_else(|never| match never {}))
    })
}

/// Only a `POST` may be overridden: the check of its origin then covers every method.
fn with_override(mut request: Request) -> Request {
    if request.method() == Method::POST
        && let Some(value) = request.headers().get(METHOD_OVERRIDE)
        && let Ok(method) = Method::from_bytes(value.as_bytes())
    {
        *request.method_mut() = method;
    }
    request
}
