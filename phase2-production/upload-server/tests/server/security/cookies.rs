//! Items 9 and 10: how the id travels as a cookie, and where else it counts.

use super::people::Town;
use crate::on::Stores;
use anyhow::{Context, bail};
use api_conformance::expect::equal;
use api_conformance::outcome::Reply;
use api_conformance::proof::Proof;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use api_contract::sessions::{SessionStarted, SessionView};
use bytes::Bytes;
use http::Method;
use http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE};
use reqwest::RequestBuilder;

/// Item 9. Over HTTPS the cookie can be set by this host alone, is never sent in the clear,
/// is out of reach of scripts, and is taken back with the attributes that it was given with.
/// (`SameSite=Lax`, so that a link from elsewhere finds its reader logged in; what changes
/// something needs an `Origin` besides, which item 36 checks.)
#[tokio::test]
async fn over_https_the_cookie_has_every_protection_that_there_is() -> anyhow::Result<()>
{
    let https = ["--public-url", "https://lab.example"];
    let town = Town::new(Stores::Embedded, "central", &https).await?;
    let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";
    given_and_taken_back(&town, "__Host-session", attributes).await?;
    // The name without its prefix is one that anybody could have set.
    let Proof::Session(id) = town.sign_in(&town.alice).await? else {
        bail!("no session")
    };
    let view = town.client().request(Method::GET, paths::SESSION);
    let view = view.header(COOKIE, format!("session={}", id.expose()));
    let outcome = town.client().json::<SessionView>(view).await;
    outcome.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}

/// Item 9. On plain HTTP a browser would refuse `__Host-` and `Secure`; the rest is there.
#[tokio::test]
async fn over_plain_http_the_cookie_has_what_it_can_have() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    given_and_taken_back(&town, "session", "; Path=/; HttpOnly; SameSite=Lax").await
}

async fn given_and_taken_back(
    town: &Town,
    name: &str,
    attributes: &str,
) -> anyhow::Result<()> {
    let client = town.client();
    let login = client.request(Method::POST, paths::SESSION_START).json(&town.alice);
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

/// Item 10. An id counts in its header and in its cookie, once; in the URL, in a body, in any
/// other header or twice, it proves nothing.
#[tokio::test]
async fn an_id_counts_in_its_two_places_and_nowhere_else() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let client = town.client();
    let proof = town.sign_in(&town.alice).await?;
    let Proof::Session(id) = &proof else { bail!("no session") };
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
        unknown(&town, request).await.context(place)?;
    }
    // In the URL it is worse than useless: it is in the browser's history now.
    let in_url = client.request(Method::GET, &at(&format!("session_id={id}")));
    let status = client.json::<SessionView>(in_url).await.status()?;
    equal("the status", status.is_client_error(), true)
}

/// Item 10. Two ids in one request are one too many: one of them is somebody else's work,
/// and which one cannot be told.
#[tokio::test]
async fn two_ids_in_one_request_prove_nothing() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "central", &[]).await?;
    let client = town.client();
    let (alice, bob) = (town.sign_in(&town.alice).await?, town.sign_in(&town.bob).await?);
    let (Proof::Session(alice), Proof::Session(bob)) = (&alice, &bob) else {
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
        unknown(&town, request).await.context(places)?;
    }
    Ok(())
}

async fn unknown(town: &Town, request: RequestBuilder) -> anyhow::Result<()> {
    let outcome = town.client().json::<SessionView>(request).await;
    outcome.refused_as(ProblemKind::SessionUnknown)?;
    Ok(())
}
