//! Tokens: what a server that forgets accepts as proof, and what it must not.

use crate::client::Client;
use crate::expect::equal;
use crate::form::Upload;
use crate::outcome::{Outcome, Reply};
use crate::proof::Proof;
use crate::target::Target;
use anyhow::{Context, ensure};
use api_contract::Message;
use api_contract::files::ListQuery;
use api_contract::paths;
use api_contract::problem::{Problem, ProblemKind};
use api_contract::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// How a token may be signed: with a shared key (Phase 1), or with a private one.
const SIGNED: [&str; 3] = ["HS256", "EdDSA", "RS256"];

/// Anyone can read a token: who, until when, for whom, from whom (RFC 7519 §4.1).
pub async fn a_token_says_who_for_whom_and_until_when(
    target: &Target,
) -> anyhow::Result<()> {
    let issued = target.client().token(&target.alice).await.done()?.body;
    equal("token_type", issued.token_type.as_str(), "Bearer")?;
    let (header, claims, _) = parts(&issued.access_token)?;
    let algorithm = header["alg"].as_str().unwrap_or_default();
    ensure!(
        SIGNED.contains(&algorithm),
        "alg is {algorithm:?} and not one of {SIGNED:?}"
    );
    equal("typ", &header["typ"], "at+jwt")?;
    equal("sub", &claims["sub"], target.alice.username.as_str())?;
    for text in ["iss", "aud", "jti"] {
        let said = claims[text].as_str().unwrap_or_default();
        ensure!(!said.is_empty(), "{text} is {}", claims[text]);
    }
    let seconds = |name: &str| claims[name].as_u64().context(name.to_owned());
    let (issued_at, dies_at) = (seconds("iat")?, seconds("exp")?);
    equal("exp - iat", dies_at - issued_at, issued.expires_in)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    ensure!(seconds("nbf")? <= now, "the token is not valid yet");
    ensure!(dies_at >= now, "the token is not valid any more");
    ensure!(!claims.to_string().contains(target.alice.password.expose()), "the password");
    Ok(())
}

/// Two tokens are never the same, not even in the same second.
pub async fn each_token_has_an_id_of_its_own(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..10 {
        let issued = client.token(&target.alice).await.done()?.body;
        ids.insert(parts(&issued.access_token)?.1["jti"].to_string());
    }
    equal("different ids", ids.len(), 10)
}

/// The token alone is enough, everywhere.
pub async fn a_token_is_proof_for_every_file_call(target: &Target) -> anyhow::Result<()> {
    let proof = Proof::Bearer(token(target).await?);
    every_file_call_accepts(&target.client(), &proof).await
}

/// So is the password (RFC 7617): the client proves itself each time.
pub async fn a_password_is_proof_for_every_file_call(
    target: &Target,
) -> anyhow::Result<()> {
    let proof = Proof::Basic(target.alice.clone());
    every_file_call_accepts(&target.client(), &proof).await
}

/// "No signature" is a signature algorithm, and must not be the token's choice
/// (RFC 8725 §3.1).
pub async fn a_token_that_names_no_algorithm_is_invalid(
    target: &Target,
) -> anyhow::Result<()> {
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

/// Whoever changes a letter changes the signature that belongs to it.
pub async fn a_token_that_was_changed_is_invalid(target: &Target) -> anyhow::Result<()> {
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

/// Cut short, one dot too many or too few, or no token at all.
pub async fn a_token_of_another_shape_is_invalid(target: &Target) -> anyhow::Result<()> {
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

/// Everything is right but the key.
pub async fn a_token_signed_with_another_key_is_invalid(
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

/// A password in a URL is refused before it is looked at, right or wrong, also beside a
/// good proof, and not repeated in the answer (ASVS 14.2.1).
pub async fn a_password_in_the_url_is_refused(target: &Target) -> anyhow::Result<()> {
    let client = target.client();
    let id = crate::checks::made_up_id();
    let token = Proof::Bearer(token(target).await?);
    for (method, path) in [
        (Method::GET, paths::FILES.to_owned()),
        (Method::POST, paths::UPLOAD.to_owned()),
        (Method::GET, paths::file(&id)),
        (Method::GET, paths::file_content(&id)),
        (Method::DELETE, paths::file(&id)),
    ] {
        for password in [target.alice.password.expose(), "CANARY-7"] {
            for proof in [&Proof::None, &token] {
                let query = [("username", "alice"), ("password", password)];
                let request = client.proven(proof, method.clone(), &path).query(&query);
                let outcome: Outcome<Message> = client.json(request).await;
                let refusal = outcome
                    .refused_as(ProblemKind::CredentialsInQuery)
                    .with_context(|| format!("{method} {path}"))?;
                repeats_nothing(&refusal, password)?;
            }
        }
    }
    Ok(())
}

fn repeats_nothing(refusal: &Reply<Problem>, password: &str) -> anyhow::Result<()> {
    let said = format!("{:?} {:?}", refusal.body, refusal.headers);
    ensure!(!said.contains(password), "the password is in the answer: {said}");
    Ok(())
}

/// What opens everything on a server that remembers means nothing here.
pub async fn a_session_id_is_no_proof(target: &Target) -> anyhow::Result<()> {
    for id in ["A".repeat(43), token(target).await?.expose().to_owned()] {
        let proof = Proof::Session(Secret::new(id));
        target.refuses(&proof, ProblemKind::InvalidCredentials).await?;
    }
    Ok(())
}

async fn token(target: &Target) -> anyhow::Result<Secret> {
    let issued = target.client().token(&target.alice).await.done()?;
    Ok(issued.body.access_token)
}

/// Header, claims and signature. Reading needs no key: a token is not a secret message.
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
    let proof = Proof::Bearer(Secret::new(token));
    target.refuses(&proof, ProblemKind::TokenInvalid).await
}

async fn every_file_call_accepts(client: &Client, proof: &Proof) -> anyhow::Result<()> {
    let file = Upload::new("a", "a");
    let id = client.upload(proof, &file).await.done()?.body.file_id;
    client.list(proof, &ListQuery::default()).await.done()?;
    client.file_json(proof, &id).await.done()?;
    client.content(proof, &id).await.done()?;
    client.delete(proof, &id).await.done()?;
    Ok(())
}
