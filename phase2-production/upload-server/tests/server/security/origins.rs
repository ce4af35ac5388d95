//! Item 36: what a page of another site can make somebody's browser do, which is nothing.

use super::people::Town;
use crate::on::Stores;
use anyhow::{Context, bail, ensure};
use api_conformance::client::Client;
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::outcome::Reply;
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CONTENT_TYPE,
    COOKIE, ORIGIN,
};
use http::{HeaderName, Method};
use reqwest::RequestBuilder;

/// What a browser says when a page of another site asks; the last one says nothing at all,
/// as one from before 2020 would.
const FORGED: [&[(&str, &str)]; 7] = [
    &[("origin", "https://evil.test")],
    &[("origin", "null")],
    &[("origin", "http://127.0.0.1.evil.test")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")],
    &[],
];

/// Everything that changes something, in a design with sessions.
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

/// Root's browser: logged in, and willing to send the cookie with whatever is asked.
async fn browser(town: &Town) -> anyhow::Result<(Client, String, Proof)> {
    let proof = town.sign_in(&town.root).await?;
    let Proof::Session(id) = &proof else { bail!("no session") };
    Ok((town.client(), format!("session={}", id.expose()), proof))
}

/// Item 36. With the cookie, nothing is changed for a page of another site, for one that
/// hides where it is from, or for a request that does not say: at every replica, with
/// everything that changes something, and nothing has changed.
#[tokio::test]
async fn another_sites_page_changes_nothing_with_the_cookie() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&town).await?;
    let bob = town.sign_in(&town.bob).await?;
    for (method, path) in &CHANGES {
        for forged in FORGED {
            let request = client.request(method.clone(), path).header(COOKIE, &cookie);
            let request = with_headers(request, forged).json(&town.bob);
            let outcome = client.json::<Message>(request).await;
            let refused = outcome.refused_as(ProblemKind::ForeignOrigin);
            refused.with_context(|| format!("{method} {path} {forged:?}"))?;
        }
    }
    town.accept(&root).await?;
    town.accept(&bob).await?;
    let files = town.client().list(&root, &ListQuery::default()).await.done()?;
    equal("files", files.body.files.len(), 0)
}

/// Item 36. One's own pages can, and so can whoever sends a proof that no page of another
/// site knows.
#[tokio::test]
async fn ones_own_page_can_do_what_another_sites_cannot() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&town).await?;
    let own = town.farm.url.clone();
    let upload = || Form::of(&Upload::new("a.txt", "a"));
    let post = || client.request(Method::POST, paths::UPLOAD);
    for request in [
        post().header(COOKIE, &cookie).header(ORIGIN, &own),
        post().header(COOKIE, &cookie).header("sec-fetch-site", "same-origin"),
        root.put_on(post()),
        root.put_on(post()).header(COOKIE, &cookie),
    ] {
        let reply = client.send(upload().put_on(request)).await?;
        equal("the status", reply.status.as_u16(), 201)?;
    }
    Ok(())
}

/// Item 36. A login can be forged as well, to have somebody upload into the attacker's
/// account; and no other proof opens the door to another site's page either.
#[tokio::test]
async fn another_sites_page_logs_nobody_in() -> anyhow::Result<()> {
    for (design, logins) in [
        ("central", &[paths::SESSION_START][..]),
        ("token", &[paths::TOKEN, paths::TOKEN_REFRESH, paths::TOKEN_REVOKE]),
    ] {
        let town = Town::new(Stores::Embedded, design, &[]).await?;
        let (client, alice) = (town.client(), town.sign_in(&town.alice).await?);
        let own = logins.iter().map(|path| client.request(Method::POST, path));
        let proven = client.proven(&alice, Method::POST, paths::ACCOUNT_SIGN_OUT);
        for request in own.chain([proven]) {
            // Without the cookie, saying nothing is what a program does.
            for forged in FORGED.iter().filter(|forged| !forged.is_empty()) {
                let request = request.try_clone().context("no stream")?;
                let request = with_headers(request, forged).json(&town.alice);
                let reply = client.send(request).await?;
                equal("the status", reply.status.as_u16(), 403)
                    .with_context(|| format!("{forged:?}"))?;
                equal("Set-Cookie", reply.header("set-cookie"), None)?;
            }
        }
        town.accept(&alice).await?;
    }
    Ok(())
}

/// Item 36. A form can send `text/plain` and its like without asking first, so JSON under
/// those names is no JSON; and a link changes nothing, because `GET` does not.
#[tokio::test]
async fn neither_a_form_nor_a_link_is_a_call() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let (client, cookie, root) = browser(&town).await?;
    let json = serde_json::to_vec(&town.alice)?;
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
            ensure!(reply.header(ALLOW).is_some(), "{path} names no method");
        }
    }
    town.accept(&root).await
}

/// Item 36. A browser that asks whether another site's page may call is told nothing, which
/// is a no; a site on the list is named; nobody is ever told "everybody".
#[tokio::test]
async fn only_listed_sites_are_named_to_browsers() -> anyhow::Result<()> {
    let listed = ["--origin", "https://app.example"];
    let town = Town::new(Stores::Embedded, "central", &listed).await?;
    let (client, cookie, _) = browser(&town).await?;
    for (method, path) in CHANGES.iter().chain([&(Method::GET, paths::FILES)]) {
        for site in ["https://evil.test", "null", "*", "https://app.example.evil.test"] {
            let asked = preflight(&client, method, path, site).await?;
            let sent = client.request(Method::GET, paths::FILES).header(ORIGIN, site);
            let sent = client.send(sent.header(COOKIE, &cookie)).await?;
            for reply in [asked, sent] {
                no_site_is_named(&reply).with_context(|| format!("{site} {path}"))?;
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

fn no_site_is_named(reply: &Reply<Bytes>) -> anyhow::Result<()> {
    let named: Vec<&HeaderName> = reply
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"))
        .collect();
    equal("headers for browsers", named, Vec::<&HeaderName>::new())
}
