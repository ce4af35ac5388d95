//! Items 9 and 10: the session cookie, and the places where a session id is accepted.

use super::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, bail};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::sessions::{SessionStarted, SessionView};
use bytes::Bytes;
use client::expect::equal;
use client::{Credential, Reply};
use http::Method;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use reqwest::RequestBuilder;

/// Item 9. Over HTTPS only this host can set the cookie, browsers never send it in
/// cleartext, scripts cannot read it, and the logout removes it with the same attributes.
/// (`SameSite=Lax`, so that a link from another site finds the user logged in. Calls that
/// change something also check `Origin`: item 36.)
#[tokio::test]
async fn https_cookie_has_every_protective_attribute() -> anyhow::Result<()> {
    let https = ["--public-url", "https://lab.example"];
    let app = TestApp::new(StoreKind::Embedded, "central", &https).await?;
    let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";
    check_set_and_removed(&app, "__Host-session", attributes).await?;
    // The name without its prefix is refused: any host could have set that cookie.
    let Credential::Session(id) = app.sign_in(&app.alice).await? else {
        bail!("no session")
    };
    let view = app.client().request(Method::GET, paths::SESSION);
    let view = view.header(COOKIE, format!("session={}", id.expose()));
    let outcome = app.client().json::<SessionView>(view).await;
    outcome.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}

/// Item 9. On plain HTTP a browser would refuse `__Host-` and `Secure`; the other
/// attributes are set.
#[tokio::test]
async fn http_cookie_has_every_attribute_that_http_permits() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    check_set_and_removed(&app, "session", "; Path=/; HttpOnly; SameSite=Lax").await
}

async fn check_set_and_removed(
    app: &TestApp,
    name: &str,
    attributes: &str,
) -> anyhow::Result<()> {
    let client = app.client();
    let login = client.request(Method::POST, paths::SESSION_START).json(&app.alice);
    let reply = client.send(login).await?;
    let started: SessionStarted = serde_json::from_slice(&reply.body)?;
    let pair = format!("{name}={}", started.session_id.expose());
    the_only_cookie(&reply, &format!("{pair}{attributes}"))?;

    let end = client.request(Method::POST, paths::SESSION_END).header(COOKIE, pair);
    let reply = client.send(end.header("sec-fetch-site", "same-origin")).await?;
    equal("the status of the logout", reply.status.as_u16(), 200)?;
    the_only_cookie(&reply, &format!("{name}={attributes}; Max-Age=0"))
}

fn the_only_cookie(reply: &Reply<Bytes>, expected: &str) -> anyhow::Result<()> {
    let all: Vec<_> = reply.headers.get_all(SET_COOKIE).iter().collect();
    equal("Set-Cookie", all, [expected])?;
    equal("Cache-Control", reply.header(CACHE_CONTROL), Some("no-store"))
}

/// Item 10. A session id is accepted in its header and in its cookie, once. In the URL,
/// in a body, in other headers or twice, it is refused.
#[tokio::test]
async fn session_id_is_accepted_only_in_header_and_cookie() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let client = app.client();
    let credential = app.sign_in(&app.alice).await?;
    let Credential::Session(id) = &credential else { bail!("no session") };
    let id = id.expose();
    let view = || client.request(Method::GET, paths::SESSION);
    let at = |query: &str| format!("{}?{query}", paths::SESSION);
    let cookie = |name: &str| format!("{name}={id}");
    for request in [
        view().header("x-session-id", id),
        view().header(COOKIE, cookie("session")),
        view().header(COOKIE, format!("theme=dark; {}; a=b", cookie("session"))),
    ] {
        client.json::<SessionView>(request).await.done()?;
    }
    for (place, request) in [
        ("?sid", client.request(Method::GET, &at(&format!("sid={id}")))),
        ("?session", client.request(Method::GET, &at(&format!("session={id}")))),
        ("body", view().json(&serde_json::json!({ "session_id": id }))),
        ("form", view().body(format!("session_id={id}"))),
        ("X-Session", view().header("x-session", id)),
        ("Session-Id", view().header("session-id", id)),
        ("Authorization: Bearer", view().bearer_auth(id)),
        (
            "Authorization: Session",
            view().header("authorization", format!("Session {id}")),
        ),
        ("Authorization: Basic", view().basic_auth("alice", Some(id))),
        ("cookie sid", view().header(COOKIE, cookie("sid"))),
        ("cookie Session", view().header(COOKIE, cookie("Session"))),
        ("cookie __Host-session", view().header(COOKIE, cookie("__Host-session"))),
        ("quoted", view().header(COOKIE, format!("session=\"{id}\""))),
        ("a list", view().header("x-session-id", format!("{id}, {id}"))),
        ("padded", view().header("x-session-id", format!("{id}="))),
    ] {
        check_refused(&app, request).await.context(place)?;
    }
    // An id in the URL is refused as well; it would be stored in the browser history.
    let in_url = client.request(Method::GET, &at(&format!("session_id={id}")));
    let status = client.json::<SessionView>(in_url).await.status()?;
    equal("the status", status.is_client_error(), true)
}

/// Item 10. Two session ids in one request are refused: one may be injected, and the
/// server cannot distinguish them.
#[tokio::test]
async fn two_session_ids_in_one_request_are_refused() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let client = app.client();
    let (alice, bob) = (app.sign_in(&app.alice).await?, app.sign_in(&app.bob).await?);
    let (Credential::Session(alice), Credential::Session(bob)) = (&alice, &bob) else {
        bail!("no sessions")
    };
    let (alice, bob) = (alice.expose(), bob.expose());
    let view = || client.request(Method::GET, paths::SESSION);
    let pair = |id: &str| format!("session={id}");
    for (places, request) in [
        ("one cookie twice", view().header(COOKIE, format!("{0}; {0}", pair(alice)))),
        ("two cookies", view().header(COOKIE, format!("{}; {}", pair(alice), pair(bob)))),
        ("two lines", view().header(COOKIE, pair(alice)).header(COOKIE, pair(bob))),
        ("two headers", view().header("x-session-id", alice).header("x-session-id", bob)),
    ] {
        check_refused(&app, request).await.context(places)?;
    }
    Ok(())
}

async fn check_refused(app: &TestApp, request: RequestBuilder) -> anyhow::Result<()> {
    let outcome = app.client().json::<SessionView>(request).await;
    outcome.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}

const OTHER_COOKIES: [&[u8]; 12] = [
    b"name=J\xc3\xb6rg",
    b"name=\xff\xfe",
    b"name=J\xf6rg",
    b"\xe4=1",
    b"a=\"x\"",
    b"a=\tb",
    b"a",
    b"=",
    b"=a",
    b"",
    b"a=b=c",
    b"xsession=1",
];

/// Item 10. Cookies of other servers of this host may have any bytes (RFC 6265 §5.4). Each cookie
/// is read by itself, so they end no session.
#[tokio::test]
async fn unrelated_cookie_bytes_end_no_session() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "central", &[]).await?;
    let Credential::Session(id) = app.sign_in(&app.alice).await? else {
        bail!("no session")
    };
    let own = format!("session={}", id.expose()).into_bytes();
    for other in OTHER_COOKIES {
        for cookie in [
            [&own[..], b"; ", other].concat(),
            [other, b"; ", &own[..]].concat(),
            [other, b";", &own[..], b";", other].concat(),
        ] {
            let view = app.client().request(Method::GET, paths::SESSION);
            let view = view.header(COOKIE, http::HeaderValue::from_bytes(&cookie)?);
            let seen = app.client().json::<SessionView>(view).await.done();
            seen.with_context(|| cookie.escape_ascii().to_string())?;
        }
        let lines = app.client().request(Method::GET, paths::SESSION);
        let lines = lines.header(COOKIE, http::HeaderValue::from_bytes(other)?);
        let lines = lines.header(COOKIE, http::HeaderValue::from_bytes(&own)?);
        app.client().json::<SessionView>(lines).await.done().context("two lines")?;
    }
    // Bytes in the session's own cookie make it unknown, and a second one ambiguous.
    for cookie in [[&own[..], b"\xff"].concat(), [&own[..], b"; session=\xff"].concat()] {
        let view = app.client().request(Method::GET, paths::SESSION);
        let view = view.header(COOKIE, http::HeaderValue::from_bytes(&cookie)?);
        check_refused(&app, view).await?;
    }
    Ok(())
}
