//! Origins and cookies at the middleware. The server's tests cover real cookies.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::routing::any;
use http::{Method, StatusCode};
use tower::ServiceExt;

const COOKIE: (&str, &str) = ("cookie", "session=x");
const OWN: (&str, &str) = ("origin", "http://lab.test:8080");
const EVIL: (&str, &str) = ("origin", "https://evil.test");
const LISTED: (&str, &str) = ("origin", "https://app.test");

fn router(public_url: Option<&str>) -> Router {
    let origins =
        Origins::new(public_url, &["https://app.test:443/".to_owned()]).unwrap();
    let state = (origins, Cookies::new(false));
    Router::new()
        .route("/", any(|| async { "done" }))
        .layer(from_fn_with_state(state, guard))
}

async fn send(router: Router, method: Method, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in [("host", "lab.test:8080")].iter().chain(headers) {
        request = request.header(*name, *value);
    }
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn post(headers: &[(&str, &str)]) -> StatusCode {
    send(router(None), Method::POST, headers).await.status()
}

#[tokio::test]
async fn cookie_requests_need_own_or_allowed_origin() {
    for fine in [
        &[COOKIE, OWN][..],
        &[COOKIE, LISTED],
        &[COOKIE, LISTED, ("sec-fetch-site", "cross-site")],
        &[COOKIE, OWN, ("sec-fetch-site", "same-origin")],
        &[COOKIE, ("sec-fetch-site", "same-origin")],
        &[COOKIE, ("sec-fetch-site", "none")],
        &[COOKIE, ("x-session-id", "y")],
        &[],
        &[("authorization", "Bearer x")],
    ] {
        assert_eq!(post(fine).await, 200, "{fine:?}");
    }
    for forged in [
        &[COOKIE][..],
        &[COOKIE, EVIL],
        &[COOKIE, ("origin", "null")],
        &[COOKIE, ("origin", "https://lab.test:8080")],
        &[COOKIE, ("origin", "http://lab.test")],
        &[COOKIE, ("origin", "http://lab.test:8080.evil.test")],
        &[COOKIE, ("origin", "https://app.test.evil.test")],
        &[COOKIE, OWN, EVIL],
        &[COOKIE, OWN, ("sec-fetch-site", "cross-site")],
        &[COOKIE, ("sec-fetch-site", "cross-site")],
        &[COOKIE, ("sec-fetch-site", "same-site")],
        &[COOKIE, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
        &[COOKIE, ("authorization", "Bearer x")],
        &[("cookie", "session=x; session=y")],
    ] {
        assert_eq!(post(forged).await, 403, "{forged:?}");
    }
}

#[tokio::test]
async fn foreign_origin_is_refused_with_any_credential() {
    for forged in [&[EVIL][..], &[EVIL, ("x-session-id", "y")]] {
        assert_eq!(post(forged).await, 403, "{forged:?}");
    }
    let basic = [EVIL, ("authorization", "Basic YTpi")];
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(send(router(None), method, &basic).await.status(), 403);
    }
    assert_eq!(send(router(None), Method::GET, &[EVIL, COOKIE]).await.status(), 200);
}

#[tokio::test]
async fn public_url_defines_own_origin() {
    let public = || router(Some("https://lab.example"));
    let named = [COOKIE, ("origin", "https://lab.example")];
    assert_eq!(send(public(), Method::POST, &named).await.status(), 200);
    assert_eq!(send(public(), Method::POST, &[COOKIE, OWN]).await.status(), 403);
}

#[tokio::test]
async fn preflight_allows_only_listed_origins() {
    let ask = ("access-control-request-method", "PUT");
    let reply = send(router(None), Method::OPTIONS, &[LISTED, ask]).await;
    assert_eq!(reply.status(), 204);
    assert_eq!(reply.headers()["access-control-allow-origin"], "https://app.test");
    assert_eq!(reply.headers()["access-control-allow-credentials"], "true");
    assert_eq!(reply.headers()["vary"], "origin");
    for origin in [EVIL, ("origin", "null"), ("origin", "*"), OWN] {
        let reply = send(router(None), Method::OPTIONS, &[origin, ask]).await;
        let has_cors_headers =
            reply.headers().keys().any(|name| name.as_str().contains("allow"));
        assert!(!has_cors_headers, "{origin:?}");
    }
    // An OPTIONS that is no preflight, such as that of tus, reaches its own handler.
    let reply = send(router(None), Method::OPTIONS, &[LISTED]).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn only_listed_origins_may_read_replies() {
    let reply = send(router(None), Method::GET, &[LISTED]).await;
    assert_eq!(reply.headers()["access-control-allow-origin"], "https://app.test");
    for headers in [&[EVIL][..], &[]] {
        let reply = send(router(None), Method::GET, headers).await;
        assert!(!reply.headers().contains_key("access-control-allow-origin"));
        assert_eq!(reply.headers()["vary"], "origin");
    }
}

#[test]
fn invalid_origins_are_refused_at_start() {
    for wrong in ["*", "null", "app.test", "https://app.test/page", "ftp://app.test", ""]
    {
        Origins::new(None, &[wrong.to_owned()]).unwrap_err();
        Origins::new(Some(wrong), &[]).unwrap_err();
    }
}
