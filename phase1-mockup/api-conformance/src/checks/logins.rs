//! Logins: a password is exchanged for a session id or a token.

use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::{Problem, ProblemKind};
use api_contract::secret::Secret;
use api_contract::{LoginRequest, Message};
use client::expect::equal;
use client::{CallResult, Credential, Reply};
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

/// Both accounts can log in, with different credentials.
pub async fn each_account_gets_its_own_credential(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let alice = target.sign_in(&target.alice).await?;
    let bob = target.sign_in(&target.bob).await?;
    ensure!(alice != bob, "alice and bob have the same credential");
    for credential in [alice, bob] {
        crate::checks::listing(&client, &credential).await?;
    }
    Ok(())
}

/// The replies must not reveal which user names exist (ASVS 6.3.8).
pub async fn unknown_user_and_wrong_password_are_indistinguishable(
    target: &Target,
) -> anyhow::Result<()> {
    let wrong = Secret::new("wrong");
    let mut answers = Vec::new();
    for username in [target.alice.username.as_str(), "nobody", "NOT A NAME", ""] {
        let given =
            LoginRequest { username: username.to_owned(), password: wrong.clone() };
        let refused = log_in(target, &json!(given)).await;
        let refused = refused.refused_as(ProblemKind::InvalidCredentials);
        let mut problem = refused.with_context(|| format!("{username:?}"))?.body;
        problem.instance.clear();
        answers.push(problem);
    }
    answers.dedup();
    equal("different answers", answers.len(), 1)
}

/// The whole password is compared: prefixes, other case and added spaces are refused.
pub async fn similar_password_is_refused(target: &Target) -> anyhow::Result<()> {
    let right = target.alice.password.expose();
    for almost in [
        String::new(),
        right[..right.len() - 1].to_owned(),
        format!("{right}x"),
        format!(" {right}"),
        format!("{right}\0"),
        right.to_uppercase(),
    ] {
        let given = json!({ "username": target.alice.username, "password": almost });
        let refused = log_in(target, &given).await;
        refused.refused_as(ProblemKind::InvalidCredentials)?;
    }
    Ok(())
}

/// The body is not JSON, or JSON of another shape.
pub async fn malformed_login_is_refused(target: &Target) -> anyhow::Result<()> {
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"alice\"",
        "{}",
        r#"{"username":"alice"}"#,
        r#"{"password":"x"}"#,
        r#"{"username":"alice","password":7}"#,
        r#"{"username":null,"password":"x"}"#,
        r#"{"username":"alice","password":"x","admin":true}"#,
        "{\"username\":\"alice\",\"password\":\"x\"} and more",
    ] {
        let refused = send(target, "application/json", body.as_bytes()).await;
        refused.refused_as(ProblemKind::MalformedRequest).context(body)?;
    }
    let not_utf8 = b"{\"username\":\"alice\",\"password\":\"\xff\"}";
    let refused = send(target, "application/json", not_utf8).await;
    refused.refused_as(ProblemKind::MalformedRequest)?;
    Ok(())
}

/// JSON arrays, repeated members, and other texts that a lenient parser takes for the login
/// of alice. Her password is right in all of them.
pub async fn login_is_one_json_object(target: &Target) -> anyhow::Result<()> {
    let (name, password) = (&target.alice.username, target.alice.password.expose());
    let object = format!(r#"{{"username":"{name}","password":"{password}"}}"#);
    for body in [
        format!(r#"["{name}","{password}"]"#),
        format!(r#" ["{name}","{password}"]"#),
        format!(r#"["{name}","{password}",1]"#),
        format!("[{object}]"),
        format!(r#"{{"username":"{name}","password":"{password}","password":"x"}}"#),
        format!(r#"{{"username":"{name}","password":["{password}"]}}"#),
        format!(r#"{{"username":{{"0":"{name}"}},"password":"{password}"}}"#),
        format!(r#"{{"username":"{name}","password":"{password}","age":NaN}}"#),
        format!("{object}{object}"),
        format!("{object}]"),
        format!("\u{feff}{object}"),
        format!("{}{object}{}", "[".repeat(2_000), "]".repeat(2_000)),
    ] {
        let refused = send(target, "application/json", body.as_bytes()).await;
        refused.refused_as(ProblemKind::MalformedRequest).context(body)?;
    }
    let padded = format!(" \t\r\n{object}\r\n");
    let accepted = send(target, "application/json; charset=utf-8", padded.as_bytes());
    equal("the status", accepted.await.status()?.as_u16(), 200)
}

/// A form of another site has another media type and must not log in a user (ASVS 3.5.2).
pub async fn login_with_another_media_type_is_refused(
    target: &Target,
) -> anyhow::Result<()> {
    let body = serde_json::to_vec(&target.alice)?;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "", "json"] {
        let refused = send(target, media_type, &body).await;
        let refused = refused.refused_as(ProblemKind::UnsupportedMediaType);
        refused.with_context(|| format!("{media_type:?}"))?;
    }
    Ok(())
}

/// A refused login must not echo its input, because that may be almost the password.
pub async fn refused_login_does_not_echo_its_input(
    target: &Target,
) -> anyhow::Result<()> {
    for given in [
        json!({ "username": "alice", "password": "CANARY-7" }),
        json!({ "username": "alice", "password": "CANARY-7", "more": 1 }),
        json!({ "username": ["CANARY-7"], "password": "x" }),
        json!({ "username": "alice", "password": { "secret": "CANARY-7" } }),
    ] {
        let client = target.client();
        let request = client.request(Method::POST, target.auth_scheme.login_path());
        let reply = client.send(request.json(&given)).await?;
        let text = String::from_utf8_lossy(&reply.body);
        ensure!(reply.status.is_client_error(), "{given} got {}", reply.status);
        ensure!(!text.contains("CANARY"), "the refusal echoes the input: {text}");
    }
    Ok(())
}

/// A cached credential could be used by every reader of the cache (ASVS 14.3.2).
pub async fn login_reply_is_not_cacheable(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let request = client.request(Method::POST, target.auth_scheme.login_path());
    let reply = client.send(request.json(&target.alice)).await?;
    equal("Cache-Control", reply.header(CACHE_CONTROL), Some("no-store"))
}

/// Forged credentials of every kind are refused.
pub async fn forged_credential_is_refused(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let forged = Secret::new("A".repeat(43));
    let password = LoginRequest {
        username: target.alice.username.clone(),
        password: forged.clone(),
    };
    for credential in [
        Credential::Session(forged.clone()),
        Credential::Bearer(forged),
        Credential::Basic(password),
    ] {
        let status = client.list(&credential, &ListQuery::default()).await.status()?;
        equal("the status", status.as_u16(), 401)
            .with_context(|| format!("{credential:?}"))?;
    }
    Ok(())
}

async fn log_in(target: &Target, given: &serde_json::Value) -> CallResult<Message> {
    let client = target.client();
    let request = client.request(Method::POST, target.auth_scheme.login_path());
    client.json(request.json(given)).await
}

async fn send(target: &Target, media_type: &str, body: &[u8]) -> CallResult<Message> {
    let client = target.client();
    let request = client.request(Method::POST, target.auth_scheme.login_path());
    let request = request.header(CONTENT_TYPE, media_type).body(body.to_vec());
    client.json(request).await
}

/// A credential in a URL is refused without a check, also with a valid one in a header, and the
/// reply does not echo it (ASVS 14.2.1). The name of the parameter may be encoded.
pub async fn credentials_in_the_url_are_refused(target: &Target) -> anyhow::Result<()> {
    let (client, alice) = target.as_alice().await?;
    let id = crate::checks::nonexistent_id();
    for (method, path) in [
        (Method::POST, target.auth_scheme.login_path().to_owned()),
        (Method::GET, paths::FILES.to_owned()),
        (Method::POST, paths::UPLOAD.to_owned()),
        (Method::GET, paths::file(&id)),
        (Method::GET, paths::file_content(&id)),
        (Method::DELETE, paths::file(&id)),
    ] {
        for query in [
            "username=alice&password=CANARY-7",
            "user%6eame=alice&pass%77ord=CANARY-7",
            "access_token=CANARY-7",
            "x=1&refresh_token=CANARY-7",
        ] {
            for credential in [&Credential::None, &alice] {
                let path = format!("{path}?{query}");
                let request = client.authenticated(credential, method.clone(), &path);
                let outcome: CallResult<Message> = client.json(request).await;
                let refusal = outcome
                    .refused_as(ProblemKind::CredentialsInQuery)
                    .with_context(|| format!("{method} {path}"))?;
                does_not_echo(&refusal, "CANARY-7")?;
            }
        }
    }
    Ok(())
}

fn does_not_echo(refusal: &Reply<Problem>, password: &str) -> anyhow::Result<()> {
    let text = format!("{:?} {:?}", refusal.body, refusal.headers);
    ensure!(!text.contains(password), "the reply has the password: {text}");
    Ok(())
}
