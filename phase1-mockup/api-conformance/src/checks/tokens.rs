//! Tokens of a stateless server: accepted and refused credentials.

use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::expect::equal;
use client::{Client, Credential, Upload};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Allowed algorithms: a shared key (Phase 1), or a private key.
const ALLOWED_ALGORITHMS: [&str; 3] = ["HS256", "EdDSA", "RS256"];

/// A token is readable and has the claims of RFC 7519 §4.1.
pub async fn token_has_subject_audience_and_expiry(
    target: &Target,
) -> anyhow::Result<()> {
    let issued = target.client().token(&target.alice).await.done()?.body;
    equal("token_type", issued.token_type.as_str(), "Bearer")?;
    let (header, claims, _) = parts(&issued.access_token)?;
    let algorithm = header["alg"].as_str().unwrap_or_default();
    ensure!(
        ALLOWED_ALGORITHMS.contains(&algorithm),
        "alg is {algorithm:?} and not one of {ALLOWED_ALGORITHMS:?}"
    );
    equal("typ", &header["typ"], "at+jwt")?;
    equal("sub", &claims["sub"], target.alice.username.as_str())?;
    for text in ["iss", "aud", "jti"] {
        let value = claims[text].as_str().unwrap_or_default();
        ensure!(!value.is_empty(), "{text} is {}", claims[text]);
    }
    let seconds = |name: &str| claims[name].as_u64().context(name.to_owned());
    let (issued_at, expires_at) = (seconds("iat")?, seconds("exp")?);
    equal("exp - iat", expires_at - issued_at, issued.expires_in)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    ensure!(seconds("nbf")? <= now, "the token is not valid yet");
    ensure!(expires_at >= now, "the token has expired");
    ensure!(
        !claims.to_string().contains(target.alice.password.expose()),
        "it has the password"
    );
    Ok(())
}

/// Two tokens are different, even in the same second.
pub async fn each_token_has_a_unique_id(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..10 {
        let issued = client.token(&target.alice).await.done()?.body;
        ids.insert(parts(&issued.access_token)?.1["jti"].to_string());
    }
    equal("different ids", ids.len(), 10)
}

/// Every file call accepts the token alone.
pub async fn token_is_accepted_by_every_file_call(target: &Target) -> anyhow::Result<()> {
    let credential = Credential::Bearer(token(target).await?);
    every_file_call_accepts(&target.client(), &credential).await
}

/// Every file call accepts the password with each request (Basic, RFC 7617).
pub async fn basic_auth_is_accepted_by_every_file_call(
    target: &Target,
) -> anyhow::Result<()> {
    let credential = Credential::Basic(target.alice.clone());
    every_file_call_accepts(&target.client(), &credential).await
}

/// The algorithm `none` has no signature, so the token must not choose it (RFC 8725 §3.1).
pub async fn token_without_algorithm_is_invalid(target: &Target) -> anyhow::Result<()> {
    let genuine = token(target).await?;
    let (_, claims, signature) = parts(&genuine)?;
    for alg in [json!("none"), json!("None"), json!("nOnE"), json!(""), Value::Null] {
        let header = json!({ "alg": alg, "typ": "at+jwt" });
        for signature in ["", signature.as_str()] {
            let forged = format!("{}.{}.{signature}", encoded(&header), encoded(&claims));
            is_invalid(target, &forged).await.with_context(|| alg.to_string())?;
        }
    }
    let header = json!({ "typ": "at+jwt" });
    let forged = format!("{}.{}.{signature}", encoded(&header), encoded(&claims));
    is_invalid(target, &forged).await
}

/// A modified token does not match its signature.
pub async fn modified_token_is_invalid(target: &Target) -> anyhow::Result<()> {
    let genuine = token(target).await?;
    let (header, mut claims, signature) = parts(&genuine)?;
    let years_later = claims["exp"].as_u64().unwrap_or_default() + 100_000_000;
    for (name, value) in [
        ("sub", json!(target.bob.username)),
        ("exp", json!(years_later)),
        ("admin", json!(true)),
    ] {
        claims[name] = value;
        let forged = format!("{}.{}.{signature}", encoded(&header), encoded(&claims));
        is_invalid(target, &forged).await.context(name)?;
    }
    Ok(())
}

/// Truncated, with too many or too few parts, or not a token.
pub async fn malformed_token_is_invalid(target: &Target) -> anyhow::Result<()> {
    let genuine = token(target).await?;
    let genuine = genuine.expose();
    let unsigned = genuine.rsplit_once('.').context("a token has dots")?.0;
    for shape in [
        genuine[..genuine.len() - 1].to_owned(),
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{genuine}."),
        format!("{genuine}.{genuine}"),
        format!("{genuine}=="),
        format!(".{genuine}"),
        "..".to_owned(),
        "....".to_owned(),
        "x".to_owned(),
        "Zm9v.YmFy.YmF6".to_owned(),
    ] {
        is_invalid(target, &shape).await?;
    }
    Ok(())
}

/// Only the key is wrong.
pub async fn token_signed_with_another_key_is_invalid(
    target: &Target,
) -> anyhow::Result<()> {
    let (header, claims, _) = parts(&token(target).await?)?;
    let header: Header = serde_json::from_value(header)?;
    for key in [&b"secret"[..], b"", &[0; 32], b"your-256-bit-secret"] {
        for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { alg, ..header.clone() };
            let key = EncodingKey::from_secret(key);
            let forged = jsonwebtoken::encode(&header, &claims, &key)?;
            is_invalid(target, &forged).await?;
        }
    }
    Ok(())
}

/// A stateless server does not accept session ids.
pub async fn session_id_is_refused(target: &Target) -> anyhow::Result<()> {
    for id in ["A".repeat(43), token(target).await?.expose().to_owned()] {
        let credential = Credential::Session(Secret::new(id));
        target.refuses(&credential, ProblemKind::InvalidCredentials).await?;
    }
    Ok(())
}

async fn token(target: &Target) -> anyhow::Result<Secret> {
    let issued = target.client().token(&target.alice).await.done()?;
    Ok(issued.body.access_token)
}

/// Header, claims and signature. They can be read without a key, because a token is signed and
/// not encrypted.
fn parts(token: &Secret) -> anyhow::Result<(Value, Value, String)> {
    let parts: Vec<_> = token.expose().split('.').collect();
    let [header, claims, signature] = parts[..] else {
        anyhow::bail!("expected: three parts\n  actual:   {}", parts.len());
    };
    let read = |part| anyhow::Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?);
    Ok((read(header)?, read(claims)?, signature.to_owned()))
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

async fn is_invalid(target: &Target, token: &str) -> anyhow::Result<()> {
    let credential = Credential::Bearer(Secret::new(token));
    target.refuses(&credential, ProblemKind::TokenInvalid).await
}

async fn every_file_call_accepts(
    client: &Client,
    credential: &Credential,
) -> anyhow::Result<()> {
    let file = Upload::new("a", "a");
    let id = client.upload(credential, &file).await.done()?.body.file_id;
    client.list(credential, &ListQuery::default()).await.done()?;
    client.file_json(credential, &id).await.done()?;
    client.content(credential, &id).await.done()?;
    client.delete(credential, &id).await.done()?;
    Ok(())
}
