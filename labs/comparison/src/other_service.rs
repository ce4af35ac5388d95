//! Whether an independent service can identify the owner of a credential.

use crate::configuration::{Accounts, Configuration};
use api_contract::design::Design;
use api_contract::paths;
use client::{Client, Credential};
use http::Method;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use report::statistics::median;
use serde::Serialize;
use serde_json::Value;
use std::time::Instant;

/// The expected issuer and audience, as any verifier would configure them.
const ISSUER: &str = "upload-server";
const AUDIENCE: &str = "upload-api";

/// Signatures that are checked for the median duration.
const TIMED_CHECKS: usize = 51;

/// Findings of the independent service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherServiceResult {
    /// Whether it identifies the owner of the credential.
    pub accepts: bool,
    /// Whether it accepts a credential with forged claims; absent if it cannot check
    /// signatures.
    pub accepts_a_forgery: Option<bool>,
    /// The reason, in a sentence.
    #[serde(rename = "why")]
    pub reason: String,
    /// Median duration of one signature check, in milliseconds.
    #[serde(rename = "check_ms")]
    pub signature_check_ms: Option<f64>,
}

/// Presents a credential to the independent service.
pub(crate) async fn try_other_service(
    configuration: &Configuration,
    accounts: &Accounts,
) -> anyhow::Result<OtherServiceResult> {
    let client = configuration.clients().await?.swap_remove(0).1;
    let account = &accounts.virtual_users[0];
    let login = client.log_in(configuration.design.into(), account).await.done()?.body;
    let text = match &login.credential {
        Credential::Session(text) | Credential::Bearer(text) => text.expose().to_owned(),
        Credential::Basic(_) | Credential::None => String::new(),
    };
    let published = published_keys(&client).await?;
    Ok(check(configuration.design, &text, &account.username, published.as_ref()))
}

/// The published keys; [`None`] if the server publishes none.
async fn published_keys(client: &Client) -> anyhow::Result<Option<JwkSet>> {
    let reply = client.send(client.request(Method::GET, paths::JWKS)).await?;
    match reply.status.is_success() {
        true => Ok(Some(serde_json::from_slice(&reply.body)?)),
        false => Ok(None),
    }
}

fn check(
    design: Design,
    credential: &str,
    owner: &str,
    published: Option<&JwkSet>,
) -> OtherServiceResult {
    let Some(keys) = published else {
        let reason = match decode_header(credential) {
            Ok(_) => "the servers publish no keys to check it with",
            Err(_) => {
                "the id contains no claims, and the servers publish no keys: only their \
                 session store can resolve it"
            }
        };
        let reason = reason.to_owned();
        return OtherServiceResult {
            accepts: false,
            accepts_a_forgery: None,
            reason,
            signature_check_ms: None,
        };
    };
    let accepted = verified_subject(credential, keys).is_ok_and(|name| name == owner);
    let forged = verified_subject(&with_forged_claims(credential), keys).is_ok();
    let reason = match accepted {
        true => format!(
            "its signature fits a key that {design} publishes, and it names its owner"
        ),
        false => "its signature fits no published key".to_owned(),
    };
    let signature_check_ms =
        accepted.then(|| median_signature_check_ms(credential, keys));
    OtherServiceResult {
        accepts: accepted,
        accepts_a_forgery: Some(forged),
        reason,
        signature_check_ms,
    }
}

/// The subject of a valid token.
fn verified_subject(token: &str, keys: &JwkSet) -> anyhow::Result<String> {
    let header = decode_header(token)?;
    let kid = header.kid.unwrap_or_default();
    let jwk = keys.find(&kid).ok_or_else(|| anyhow::anyhow!("no key {kid}"))?;
    // The key's own algorithm applies; the algorithm in the token header is untrusted.
    let mut rules = Validation::new(match jwk.common.key_algorithm {
        Some(jsonwebtoken::jwk::KeyAlgorithm::RS256) => Algorithm::RS256,
        _ => Algorithm::EdDSA,
    });
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    let claims = decode::<Value>(token, &DecodingKey::from_jwk(jwk)?, &rules)?.claims;
    Ok(claims["sub"].as_str().unwrap_or_default().to_owned())
}

/// The same token with one letter of its claims changed.
fn with_forged_claims(token: &str) -> String {
    let claims = token.find('.').map_or(0, |dot| dot + 10);
    let change = |(at, letter): (usize, char)| match (at == claims, letter) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, letter) => letter,
    };
    token.chars().enumerate().map(change).collect()
}

fn median_signature_check_ms(token: &str, keys: &JwkSet) -> f64 {
    let times = (0..TIMED_CHECKS).map(|_| {
        let began = Instant::now();
        let _is_good = verified_subject(token, keys);
        began.elapsed()
    });
    median(times).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_id_is_rejected_by_an_independent_service() {
        let found = check(Design::Central, &"x".repeat(43), "alice", None);
        assert!(!found.accepts);
        assert_eq!(found.accepts_a_forgery, None);
    }

    #[test]
    fn token_with_unpublished_key_is_rejected() {
        let none = JwkSet { keys: Vec::new() };
        let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.eyJzdWIiOiJhbGljZSJ9.c2ln";
        let found = check(Design::Token, token, "alice", Some(&none));
        assert!(!found.accepts);
        assert_eq!(found.accepts_a_forgery, Some(false));
    }

    #[test]
    fn forged_token_differs_only_in_its_claims() {
        let token = "aaaa.bbbbbbbbbbbbbbbb.cccc";
        let forged = with_forged_claims(token);
        assert_ne!(forged, token);
        assert_eq!(forged.len(), token.len());
        assert_eq!(forged.split('.').next(), Some("aaaa"));
        assert_eq!(forged.split('.').nth(2), Some("cccc"));
    }
}
