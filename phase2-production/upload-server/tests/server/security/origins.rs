//! Item 36: a page of another site cannot make a browser change anything (CSRF).

use super::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, bail, ensure};
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use bytes::Bytes;
use client::expect::equal;
use client::{Client, CookieJar, Credential, Form, Reply, Upload};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_TYPE,
    COOKIE, ORIGIN,
};
use http::{HeaderName, Method};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// Headers of cross-site requests. The last entry has none, like a browser from before
/// 2020.
const FORGED: [&[(&str, &str)]; 7] = [
    &[("origin", "https://evil.test")],
    &[("origin", "null")],
    &[("origin", "http://127.0.0.1.evil.test")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
    &[],
];

/// The calls whose credential is in the body or in the URL. A cookie beside it has no effect, so
/// a program that keeps cookies needs no site.
const WITHOUT_SESSION: [(Method, &str); 2] = [
    (Method::POST, paths::SESSION_START),
    (Method::PUT, "/api/uploads/01a1fc82-ba13-77d1-bcb1-8abe81e55db5/content"),
];

/// Every call that changes something, in a design with sessions.
const CHANGES: [(Method, &str); 15] = [
    (Method::POST, paths::SESSION_START),
    (Method::POST, paths::SESSION_END),
    (Method::POST, paths::ACCOUNT_PASSWORD),
    (Method::POST, paths::ACCOUNT_SIGN_OUT),
    (Method::PATCH, "/api/admin/users/bob"),
    (Method::POST, "/api/admin/users/bob/sign-out"),
    (Method::POST, paths::UPLOAD),
    (Method::DELETE, "/api/files/01a1fc82-ba13-77d1-bcb1-8abe81e55db5"),
    (Method::POST, paths::UPLOADS_START),
    (Method::POST, paths::UPLOADS_COMPLETE),
    (Method::DELETE, "/api/uploads/01a1fc82-ba13-77d1-bcb1-8abe81e55db5"),
    (Method::PUT, "/api/uploads/01a1fc82-ba13-77d1-bcb1-8abe81e55db5/content"),
    (Method::POST, paths::TUS),
    (Method::PATCH, "/api/tus/01a1fc82-ba13-77d1-bcb1-8abe81e55db5"),
    (Method::DELETE, "/api/tus/01a1fc82-ba13-77d1-bcb1-8abe81e55db5"),
];

fn with_headers(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// The browser of root: logged in; it sends the cookie with every request.
async fn browser(app: &TestApp) -> anyhow::Result<(Client, String, Credential)> {
    let credential = app.sign_in(&app.root).await?;
    let Credential::Session(id) = &credential else { bail!("no session") };
    Ok((app.client(), format!("session={}", id.expose()), credential))
}

/// Item 36. With the cookie, a request from another site or with a hidden origin is refused, for
/// every call that changes something; also one without an origin, if the call rests on the
/// cookie. Nothing changes.
#[tokio::test]
async fn cross_site_request_with_cookie_changes_nothing() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&app).await?;
    let bob = app.sign_in(&app.bob).await?;
    for (method, path) in &CHANGES {
        let needs_site = !WITHOUT_SESSION.contains(&(method.clone(), path));
        for forged in FORGED.iter().filter(|forged| needs_site || !forged.is_empty()) {
            let request = client.request(method.clone(), path).header(COOKIE, &cookie);
            let request = with_headers(request, forged).json(&app.bob);
            let outcome = client.json::<Message>(request).await;
            let refused = outcome.refused_as(ProblemKind::ForeignOrigin);
            refused.with_context(|| format!("{method} {path} {forged:?}"))?;
        }
    }
    app.all_accept(&root).await?;
    app.all_accept(&bob).await?;
    let files = app.client().list(&root, &ListQuery::default()).await.done()?;
    equal("files", files.body.files.len(), 0)
}

/// Item 36. Same-origin requests are accepted, and so are requests with a credential that
/// other sites cannot obtain.
#[tokio::test]
async fn same_origin_request_is_accepted() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&app).await?;
    let own = app.cluster.url.clone();
    let upload = || Form::of(&Upload::new("a.txt", "a"));
    let post = || client.request(Method::POST, paths::UPLOAD);
    for request in [
        post().header(COOKIE, &cookie).header(ORIGIN, &own),
        post().header(COOKIE, &cookie).header("sec-fetch-site", "same-origin"),
        root.apply_to(post()),
        root.apply_to(post()).header(COOKIE, &cookie),
    ] {
        let reply = client.send(upload().apply_to(request)).await?;
        equal("the status", reply.status.as_u16(), 201)?;
    }
    Ok(())
}

/// Item 36. A program that keeps cookies sends no `Origin`. Its logins, its signed uploads and,
/// with tokens, all its calls rest on another credential.
#[tokio::test]
async fn program_that_keeps_cookies_logs_in_again() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let browser = app.browser();
    let first = browser.log_in_session(&app.alice).await.done()?.body.session_id;
    let second = browser.log_in_session(&app.alice).await.done()?.body.session_id;
    ensure!(first != second, "the same session");
    app.all_refuse(&Credential::Session(first), ProblemKind::SessionUnknown).await?;
    browser.log_in_session(&app.bob).await.done().context("another account")?;
    let stale = Client::sharing(&app.cluster.url, CookieJar::default());
    for value in ["x", "", "a\"b", "%00"] {
        stale.cookies().context("a jar")?.set("session", value);
        stale.log_in_session(&app.alice).await.done().context(value)?;
    }
    let alice = app.sign_in(&app.alice).await?;
    let start = json!({ "name": "a", "content_type": "text/plain", "size": 3 });
    let start = client_json(&app, &alice, paths::UPLOADS_START, &start).await?;
    let url = start["url"].as_str().context("a URL")?;
    let put = browser.request(Method::PUT, url).body("abc");
    equal("the signed PUT", browser.send(put).await?.status.as_u16(), 200)?;
    let nowhere = browser.request(Method::POST, "/nowhere");
    equal("an unknown path", browser.send(nowhere).await?.status.as_u16(), 404)
}

/// Item 36. With tokens no call rests on a cookie, whatever cookies other servers have set.
#[tokio::test]
async fn token_calls_ignore_cookies() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let jar = CookieJar::default();
    jar.set("session", "of-another-server");
    jar.set("__Host-session", "of-another-server");
    let client = Client::sharing(&app.cluster.url, jar);
    let issued = client.token(&app.alice).await.done()?.body;
    let refresh = issued.refresh_token.context("a refresh token")?;
    let alice = Credential::Bearer(issued.access_token.clone());
    client.upload(&alice, &Upload::new("a.txt", "a")).await.done()?;
    let basic = Credential::Basic(app.alice.clone());
    client.upload(&basic, &Upload::new("b.txt", "b")).await.done()?;
    for (path, body) in [
        (paths::TOKEN_REFRESH, json!({ "refresh_token": refresh.expose() })),
        (paths::TOKEN_REVOKE, json!({ "token": issued.access_token.expose() })),
    ] {
        let request = client.request(Method::POST, path).json(&body);
        equal(path, client.send(request).await?.status.as_u16(), 200)?;
    }
    Ok(())
}

async fn client_json(
    app: &TestApp,
    credential: &Credential,
    path: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let client = app.client();
    let request = client.authenticated(credential, Method::POST, path).json(body);
    Ok(serde_json::from_slice(&client.send(request).await?.body)?)
}

/// Item 36. A forged login could make a user upload into the account of the attacker, so
/// it is refused. Cross-site requests are refused with every other kind of credential
/// too.
#[tokio::test]
async fn cross_site_login_is_refused() -> anyhow::Result<()> {
    for (design, logins) in [
        ("central", &[paths::SESSION_START][..]),
        ("token", &[paths::TOKEN, paths::TOKEN_REFRESH, paths::TOKEN_REVOKE]),
    ] {
        let app = TestApp::new(StoreKind::Embedded, design, &[]).await?;
        let (client, alice) = (app.client(), app.sign_in(&app.alice).await?);
        let own = logins.iter().map(|path| client.request(Method::POST, path));
        let proven = client.authenticated(&alice, Method::POST, paths::ACCOUNT_SIGN_OUT);
        for request in own.chain([proven]) {
            // A request without cookie and without these headers comes from a program and
            // is allowed.
            for forged in FORGED.iter().filter(|forged| !forged.is_empty()) {
                let request = request.try_clone().context("a body that is a stream")?;
                let request = with_headers(request, forged).json(&app.alice);
                let reply = client.send(request).await?;
                equal("the status", reply.status.as_u16(), 403)
                    .with_context(|| format!("{forged:?}"))?;
                equal("Set-Cookie", reply.header("set-cookie"), None)?;
            }
        }
        app.all_accept(&alice).await?;
    }
    Ok(())
}

/// Item 36. A form can send `text/plain` and similar types without a preflight, so JSON
/// under those types is refused. A link changes nothing, because `GET` does not.
#[tokio::test]
async fn form_media_types_and_get_change_nothing() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&app).await?;
    let json = serde_json::to_vec(&app.alice)?;
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
    {
        for path in [paths::SESSION_START, paths::ACCOUNT_PASSWORD, paths::UPLOADS_START]
        {
            let request = client.request(Method::POST, path).header(COOKIE, &cookie);
            let request = request.header("sec-fetch-site", "same-origin");
            let request = request.header(CONTENT_TYPE, media_type).body(json.clone());
            let refused = client.json::<Message>(request).await;
            let refused = refused.refused_as(ProblemKind::UnsupportedMediaType);
            refused.with_context(|| format!("{media_type:?} at {path}"))?;
        }
    }
    for path in [
        paths::SESSION_START,
        paths::SESSION_END,
        paths::ACCOUNT_PASSWORD,
        paths::ACCOUNT_SIGN_OUT,
        paths::UPLOAD,
        paths::UPLOADS_START,
        paths::UPLOADS_COMPLETE,
        "/api/admin/users/bob",
        "/api/admin/users/bob/sign-out",
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = client.request(method, path).header(COOKIE, &cookie);
            let reply = client.send(request).await?;
            equal(path, reply.status.as_u16(), 405)?;
            ensure!(reply.header(ALLOW).is_some(), "{path} has no Allow");
        }
    }
    app.all_accept(&root).await
}

/// Item 36. A preflight from another site gets no CORS headers, which denies access. Only
/// listed origins are allowed, and never `*`.
#[tokio::test]
async fn cors_allows_only_listed_origins() -> anyhow::Result<()> {
    let listed = ["--origin", "https://app.example"];
    let app = TestApp::new(StoreKind::Embedded, "central", &listed).await?;
    let (client, cookie, _) = browser(&app).await?;
    for (method, path) in CHANGES.iter().chain([&(Method::GET, paths::FILES)]) {
        for site in ["https://evil.test", "null", "*", "https://app.example.evil.test"] {
            let preflighted = preflight(&client, method, path, site).await?;
            let actual = client.request(Method::GET, paths::FILES).header(ORIGIN, site);
            let actual = client.send(actual.header(COOKIE, &cookie)).await?;
            for reply in [preflighted, actual] {
                no_cors_headers(&reply).with_context(|| format!("{site} {path}"))?;
            }
        }
        let reply = preflight(&client, method, path, "https://app.example").await?;
        let named = reply.header(ACCESS_CONTROL_ALLOW_ORIGIN);
        equal("the site", named, Some("https://app.example"))?;
        equal("with", reply.header(ACCESS_CONTROL_ALLOW_CREDENTIALS), Some("true"))?;
    }
    Ok(())
}

async fn preflight(
    client: &Client,
    method: &Method,
    path: &str,
    site: &str,
) -> anyhow::Result<Reply<Bytes>> {
    let request = client.request(Method::OPTIONS, path).header(ORIGIN, site);
    let request = request.header("access-control-request-method", method.as_str());
    Ok(client.send(request).await?)
}

fn no_cors_headers(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let named: Vec<&HeaderName> = reply
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .collect();
    equal("CORS headers", named, Vec::<&HeaderName>::new())
}
