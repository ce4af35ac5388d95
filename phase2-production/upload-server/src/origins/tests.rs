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
    Router::new()
        .route("/", any(|| async { "done" }))
        .layer(from_fn_with_state(origins, guard))
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

/// The middleware of the calls that rest on a cookie needs the site too: see the server's tests.
#[tokio::test]
async fn named_site_must_be_own_or_allowed() {
    for fine in [
        &[COOKIE, OWN][..],
        &[COOKIE, LISTED],
        &[COOKIE, LISTED, ("sec-fetch-site", "cross-site")],
        &[COOKIE, OWN, ("sec-fetch-site", "same-origin")],
        &[COOKIE, ("sec-fetch-site", "same-origin")],
        &[COOKIE, ("sec-fetch-site", "none")],
        &[COOKIE, ("x-session-id", "y")],
        &[COOKIE],
        &[],
        &[("authorization", "Bearer x")],
    ] {
        assert_eq!(post(fine).await, 200, "{fine:?}");
    }
    for forged in [
        &[COOKIE, EVIL][..],
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

#[test]
fn request_on_a_cookie_must_name_its_site() {
    let origins = Origins::new(None, &["https://app.test".to_owned()]).unwrap();
    let check = |headers: &[(&str, &str)]| {
        let mut request = Request::post("/").header("host", "lab.test:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        (origins.check(&parts).is_ok(), origins.check_named(&parts).is_ok())
    };
    assert_eq!(check(&[]), (true, false));
    assert_eq!(check(&[EVIL]), (false, false));
    for named in [OWN, LISTED, ("sec-fetch-site", "same-origin")] {
        assert_eq!(check(&[named]), (true, true), "{named:?}");
    }
}
