//! The API documentation, served without access to the internet.
//!
//! `/openapi.json` is the document. `/docs` is Swagger UI, built into the program.
//! `/redoc` is a page without scripts, rendered here from the same document. The content
//! security policy lets each page load only resources of this server.

mod prose;
mod reference;

use crate::openapi::{self, Described};
use api_contract::paths;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Swagger UI sets inline styles and uses data URLs for images.
const SWAGGER_CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// The document of this server and the page made from it; each is made when it is first asked
/// for.
struct Documents {
    server: Described,
    document: OnceLock<Value>,
    page: OnceLock<Bytes>,
}

impl Documents {
    fn document(&self) -> &Value {
        self.document.get_or_init(|| openapi::document(&self.server))
    }

    fn page(&self) -> Bytes {
        self.page.get_or_init(|| reference::page(self.document()).into()).clone()
    }
}

/// The routes, without authentication.
pub(crate) fn routes(server: Described) -> Router {
    let documents =
        Arc::new(Documents { server, document: OnceLock::new(), page: OnceLock::new() });
    // Otherwise the page loads a badge from the vendor's site.
    let config = Config::from(paths::OPENAPI).validator_url("none");
    let swagger: Router = SwaggerUi::new(paths::DOCS).config(config).into();
    Router::new()
        .route(paths::OPENAPI, get(document))
        .route(paths::REDOC, get(reference_page))
        .with_state(documents)
        .merge(swagger.layer(from_fn(confine_swagger)))
}

async fn confine_swagger(request: Request, next: Next) -> Response {
    let mut reply = next.run(request).await;
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, SWAGGER_CSP);
    reply
}

async fn document(State(documents): State<Arc<Documents>>) -> Response {
    Json(documents.document()).into_response()
}

/// The page's only style sheet is allowed by its hash (CSP level 3 §2.3.1).
async fn reference_page(
    State(documents): State<Arc<Documents>>,
) -> ([(http::HeaderName, String); 1], Html<Bytes>) {
    let hash = STANDARD.encode(Sha256::digest(reference::STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    ([(CONTENT_SECURITY_POLICY, policy)], Html(documents.page()))
}
