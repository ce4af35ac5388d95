//! Headers of every reply, and the form of errors.

use crate::checks::nonexistent_id;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::headers::REQUEST_ID;
use api_contract::problem::ProblemKind;
use api_contract::{Message, paths};
use bytes::Bytes;
use client::expect::equal;
use client::{AuthScheme, CallResult, Client, Credential, Reply};
use http::header::{ALLOW, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode};

/// Every reply, also an error, has the id of the replica and the request id of the log.
pub async fn every_reply_has_replica_and_request_id(
    target: &Target,
) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (method, path, status) in [
        (Method::GET, paths::FILES.to_owned(), 200),
        (Method::GET, paths::LIVEZ.to_owned(), 200),
        (Method::GET, paths::READYZ.to_owned(), 200),
        (Method::GET, paths::file(&nonexistent_id()), 404),
        (Method::GET, "/nothing/here".to_owned(), 404),
        (Method::PUT, paths::FILES.to_owned(), 405),
        (Method::POST, paths::UPLOAD.to_owned(), 415),
    ] {
        let reply =
            client.send(client.authenticated(&alice, method.clone(), &path)).await?;
        has_common_headers(&reply, status).with_context(|| format!("{method} {path}"))?;
    }
    let anonymous = client.send(client.request(Method::GET, paths::FILES)).await?;
    has_common_headers(&anonymous, 401).context("without a credential")
}

fn has_common_headers(reply: &Reply<Bytes>, status: u16) -> anyhow::Result<()> {
    equal("the status", reply.status.as_u16(), status)?;
    let replica = reply.served_by().context("no X-Served-By header")?;
    ensure!(!replica.is_empty(), "the replica id is empty");
    let id = reply.request_id().context("no request id")?;
    ensure!(is_well_formed(id), "the request id is {id:?}");
    equal("X-Content-Type-Options", reply.header(X_CONTENT_TYPE_OPTIONS), Some("nosniff"))
}

/// The client's request id is used in all logs, so that they can be joined.
pub async fn well_formed_request_id_is_kept(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    for id in ["class-7.demo_1", "12345678", &"x".repeat(64)] {
        let request = client.request(Method::GET, paths::LIVEZ);
        let reply = client.send(request.header(REQUEST_ID, id)).await?;
        equal("the request id", reply.request_id(), Some(id))?;
    }
    Ok(())
}

/// An id with other characters could forge a log line (log injection).
pub async fn malformed_request_id_is_replaced(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let long = "x".repeat(65);
    for id in ["", "short", "has a space", "a;b;c;d;e", "<b>bold</b>", &long] {
        let request = client.request(Method::GET, paths::LIVEZ);
        let reply = client.send(request.header(REQUEST_ID, id)).await?;
        let replaced = reply.request_id().context("no request id")?;
        ensure!(replaced != id, "{id:?} was kept");
        ensure!(is_well_formed(replaced), "{id:?} was replaced by {replaced:?}");
    }
    Ok(())
}

/// The `instance` of a problem is the request id in the log (RFC 9457 §3.1.5).
pub async fn problem_instance_is_the_request_id(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let request = client.request(Method::GET, "/nothing/here");
    let outcome: CallResult<Message> =
        client.json(request.header(REQUEST_ID, "look-for-me-1")).await;
    let refusal = outcome.refused_as(ProblemKind::NotFound)?;
    equal("the instance", refusal.body.instance.as_str(), "look-for-me-1")
}

/// Requests without a request id get different ones.
pub async fn each_request_gets_a_unique_id(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        let reply = client.send(client.request(Method::GET, paths::LIVEZ)).await?;
        ids.insert(reply.request_id().map(str::to_owned));
    }
    equal("different ids of 20 requests", ids.len(), 20)
}

/// Paths outside the contract, with and without a credential.
pub async fn unknown_path_returns_404(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let long = format!("/api/{}", "x".repeat(4_000));
    for path in ["/", "/api", "/api/files/", "/api/nothing", "/.env", &long] {
        for credential in [&alice, &Credential::None] {
            let outcome: CallResult<Message> =
                client.json(client.authenticated(credential, Method::GET, path)).await;
            let refused = outcome.refused_as(ProblemKind::NotFound);
            refused.with_context(|| format!("GET {path}"))?;
        }
    }
    Ok(())
}

/// A 405 lists the allowed methods (RFC 9110 §15.5.6).
pub async fn wrong_method_returns_405_with_allow(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    for (method, path, right) in [
        (Method::DELETE, paths::FILES.to_owned(), "GET"),
        (Method::GET, paths::UPLOAD.to_owned(), "POST"),
        (Method::PUT, paths::file(&nonexistent_id()), "DELETE"),
        (Method::POST, paths::file_content(&nonexistent_id()), "GET"),
        (Method::GET, target.auth_scheme.login_path().to_owned(), "POST"),
        (Method::POST, paths::LIVEZ.to_owned(), "GET"),
    ] {
        let request = client.authenticated(&alice, method.clone(), &path);
        let outcome: CallResult<Message> = client.json(request).await;
        let refusal = outcome
            .refused_as(ProblemKind::MethodNotAllowed)
            .with_context(|| format!("{method} {path}"))?;
        let allow = refusal.header(ALLOW).unwrap_or_default();
        let allowed = allow.split(',').map(str::trim).any(|one| one == right);
        ensure!(allowed, "{method} {path}: expected {right}, allowed: {allow}");
    }
    Ok(())
}

/// Without a credential, a file call returns 401 with a challenge (RFC 9110 §11.6.1).
pub async fn file_calls_require_authentication(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let id = nonexistent_id();
    for (method, path) in [
        (Method::POST, paths::UPLOAD.to_owned()),
        (Method::GET, paths::FILES.to_owned()),
        (Method::GET, paths::file(&id)),
        (Method::GET, paths::file_content(&id)),
        (Method::DELETE, paths::file(&id)),
    ] {
        let request = client.request(method.clone(), &path);
        refused_without_credential(&client, request, target.auth_scheme)
            .await
            .with_context(|| format!("{method} {path}"))?;
    }
    Ok(())
}

async fn refused_without_credential(
    client: &Client,
    request: reqwest::RequestBuilder,
    auth_scheme: AuthScheme,
) -> anyhow::Result<()> {
    let (kind, scheme) = match auth_scheme {
        AuthScheme::Session => (ProblemKind::SessionUnknown, ""),
        AuthScheme::Token => (ProblemKind::InvalidCredentials, "Bearer "),
        AuthScheme::Basic => (ProblemKind::InvalidCredentials, "Basic "),
    };
    let refusal = client.json::<Message>(request).await.refused_as(kind)?;
    let challenges: Vec<_> = refusal.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    let has_scheme =
        challenges.iter().any(|one| one.as_bytes().starts_with(scheme.as_bytes()));
    ensure!(has_scheme, "expected: a challenge {scheme}\n  actual:   {challenges:?}");
    Ok(())
}

/// The health checks of a balancer need no login.
pub async fn livez_and_readyz_return_200(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    for path in [paths::LIVEZ, paths::READYZ] {
        let reply = client.send(client.request(Method::GET, path)).await?;
        equal(path, reply.status, StatusCode::OK)?;
    }
    Ok(())
}

/// The metrics have no authentication, so they are on the admin listener.
pub async fn public_listener_serves_no_metrics(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let request = client.request(Method::GET, paths::METRICS);
    let outcome: CallResult<Message> = client.json(request).await;
    outcome.refused_as(ProblemKind::NotFound)?;
    Ok(())
}

fn is_well_formed(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (8..=64).contains(&id.len()) && id.bytes().all(plain)
}
