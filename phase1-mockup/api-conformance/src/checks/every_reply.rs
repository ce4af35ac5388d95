//! What every reply carries, and what an error looks like.

use crate::checks::made_up_id;
use crate::client::Client;
use crate::expect::equal;
use crate::outcome::{Outcome, Reply};
use crate::proof::Proof;
use crate::target::{Target, Way};
use anyhow::{Context, ensure};
use api_contract::headers::REQUEST_ID;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use bytes::Bytes;
use http::header::{ALLOW, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

/// Success, refusal and mistake alike: who answered, and under which id it is logged.
pub async fn every_reply_names_its_replica_and_its_request(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (method, path, status) in [
        (Method::GET, paths::FILES.to_owned(), 200),
        (Method::GET, paths::LIVEZ.to_owned(), 200),
        (Method::GET, paths::READYZ.to_owned(), 200),
        (Method::GET, paths::file(&made_up_id()), 404),
        (Method::GET, "/nothing/here".to_owned(), 404),
        (Method::PUT, paths::FILES.to_owned(), 405),
        (Method::POST, paths::UPLOAD.to_owned(), 415),
    ] {
        let reply = client.send(client.proven(&alice, method.clone(), &path)).await?;
        signed(&reply, status).with_context(|| format!("{method} {path}"))?;
    }
    let anonymous = client.send(client.request(Method::GET, paths::FILES)).await?;
    signed(&anonymous, 401).context("without a proof")
}

fn signed(reply: &Reply<Bytes>, status: u16) -> anyhow::Result<()> {
    equal("the status", reply.status.as_u16(), status)?;
    let replica = reply.served_by().context("nobody signed it")?;
    ensure!(!replica.is_empty(), "the replica's name is empty");
    let id = reply.request_id().context("it has no request id")?;
    ensure!(is_well_formed(id), "the request id is {id:?}");
    equal("X-Content-Type-Options", reply.header(X_CONTENT_TYPE_OPTIONS), Some("nosniff"))
}

/// The caller's id goes through all logs, so that they can be joined.
pub async fn a_well_formed_request_id_is_taken_over(
    target: &Target,
) -> anyhow::Result<()> {
    let client = target.client();
    for id in ["class-7.demo_1", "12345678", &"x".repeat(64)] {
        let request = client.request(Method::GET, paths::LIVEZ);
        let reply = client.send(request.header(REQUEST_ID, id)).await?;
        equal("the request id", reply.request_id(), Some(id))?;
    }
    Ok(())
}

/// An id with other characters could forge a line in a log.
pub async fn an_ill_formed_request_id_is_replaced(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let long = "x".repeat(65);
    for id in ["", "short", "has a space", "a;b;c;d;e", "<b>bold</b>", &long] {
        let request = client.request(Method::GET, paths::LIVEZ);
        let reply = client.send(request.header(REQUEST_ID, id)).await?;
        let made = reply.request_id().context("no request id")?;
        ensure!(made != id, "{id:?} was taken over");
        ensure!(is_well_formed(made), "{id:?} was replaced by {made:?}");
    }
    Ok(())
}

/// A problem is found in the log under its `instance` (RFC 9457 §3.1.5).
pub async fn a_problem_carries_the_id_of_its_request(
    target: &Target,
) -> anyhow::Result<()> {
    let client = target.client();
    let request = client.request(Method::GET, "/nothing/here");
    let outcome: Outcome<Message> =
        client.json(request.header(REQUEST_ID, "look-for-me-1")).await;
    let refusal = outcome.refused_as(ProblemKind::NotFound)?;
    equal("the instance", refusal.body.instance.as_str(), "look-for-me-1")
}

/// Two requests without an id get two.
pub async fn every_request_has_an_id_of_its_own(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        let reply = client.send(client.request(Method::GET, paths::LIVEZ)).await?;
        ids.insert(reply.request_id().map(str::to_owned));
    }
    equal("different ids of 20 requests", ids.len(), 20)
}

/// A path that is not in the contract, with a proof or without.
pub async fn an_unknown_path_is_not_found(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let long = format!("/api/{}", "x".repeat(4_000));
    for path in ["/", "/api", "/api/files/", "/api/nothing", "/.env", &long] {
        for proof in [&alice, &Proof::None] {
            let outcome: Outcome<Message> =
                client.json(client.proven(proof, Method::GET, path)).await;
            let refused = outcome.refused_as(ProblemKind::NotFound);
            refused.with_context(|| format!("GET {path}"))?;
        }
    }
    Ok(())
}

/// A 405 says what there is instead (RFC 9110 §15.5.6).
pub async fn a_wrong_method_is_told_the_right_ones(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (method, path, right) in [
        (Method::DELETE, paths::FILES.to_owned(), "GET"),
        (Method::GET, paths::UPLOAD.to_owned(), "POST"),
        (Method::PUT, paths::file(&made_up_id()), "DELETE"),
        (Method::POST, paths::file_content(&made_up_id()), "GET"),
        (Method::GET, target.way.login_path().to_owned(), "POST"),
        (Method::POST, paths::LIVEZ.to_owned(), "GET"),
    ] {
        let request = client.proven(&alice, method.clone(), &path);
        let outcome: Outcome<Message> = client.json(request).await;
        let refusal = outcome
            .refused_as(ProblemKind::MethodNotAllowed)
            .with_context(|| format!("{method} {path}"))?;
        let allow = refusal.header(ALLOW).unwrap_or_default();
        let allowed = allow.split(',').map(str::trim).any(|one| one == right);
        ensure!(allowed, "{method} {path}: expected {right}, allowed: {allow}");
    }
    Ok(())
}

/// Every file call asks for a proof, and says of which kind (RFC 9110 §11.6.1).
pub async fn every_file_call_asks_for_a_proof(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let id = made_up_id();
    for (method, path) in [
        (Method::POST, paths::UPLOAD.to_owned()),
        (Method::GET, paths::FILES.to_owned()),
        (Method::GET, paths::file(&id)),
        (Method::GET, paths::file_content(&id)),
        (Method::DELETE, paths::file(&id)),
    ] {
        let request = client.request(method.clone(), &path);
        refused_without_proof(&client, request, target.way)
            .await
            .with_context(|| format!("{method} {path}"))?;
    }
    Ok(())
}

async fn refused_without_proof(
    client: &Client,
    request: reqwest::RequestBuilder,
    way: Way,
) -> anyhow::Result<()> {
    let (kind, scheme) = match way {
        Way::Session => (ProblemKind::SessionUnknown, ""),
        Way::Token => (ProblemKind::InvalidCredentials, "Bearer "),
        Way::Basic => (ProblemKind::InvalidCredentials, "Basic "),
    };
    let refusal = client.json::<Message>(request).await.refused_as(kind)?;
    let challenges: Vec<_> = refusal.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    let names_it =
        challenges.iter().any(|one| one.as_bytes().starts_with(scheme.as_bytes()));
    ensure!(names_it, "expected: a challenge {scheme}\n  actual:   {challenges:?}");
    Ok(())
}

/// What a balancer asks, without a login.
pub async fn it_says_that_it_is_alive_and_ready(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    for path in [paths::LIVEZ, paths::READYZ] {
        let reply = client.send(client.request(Method::GET, path)).await?;
        equal(path, reply.status, StatusCode::OK)?;
    }
    Ok(())
}

/// The metrics have no login, and therefore a listener of their own.
pub async fn metrics_are_not_for_everybody(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let request = client.request(Method::GET, paths::METRICS);
    let outcome: Outcome<Message> = client.json(request).await;
    outcome.refused_as(ProblemKind::NotFound)?;
    Ok(())
}

fn is_well_formed(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (8..=64).contains(&id.len()) && id.bytes().all(plain)
}
