//! Tokens that the server has not made: no signature, a signature with what everybody
//! knows, a key that comes along with the token, and texts that are hardly tokens.

use crate::on::Stores;
use crate::security::forge::{ALGORITHMS, Border, log_in, parts, signed, unsigned};
use crate::security::people::Town;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::expect::equal;
use api_conformance::fixture::Started;
use api_conformance::process::PATIENCE;
use api_contract::paths;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::{EncodePrivateKey, KeypairBytes};
use futures_util::{TryStreamExt, stream};
use http::Method;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::OsRng;
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};

/// Item 16. Whatever a token calls "no signature", without one it is refused.
#[tokio::test]
async fn a_token_without_a_signature_is_refused_however_it_spells_none()
-> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        without_a_signature(algorithm).await.context(algorithm)?;
    }
    Ok(())
}

async fn without_a_signature(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm];
    let town = Town::new(Stores::Embedded, "token", &flags).await?;
    let border = Border::of(&town).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
    let (header, claims, signature) = parts(&genuine)?;
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!("NONE"),
        json!("none "),
        json!(""),
        json!(["none"]),
        Value::Null,
    ] {
        let mut header = header.clone();
        header["alg"] = alg.clone();
        let message = unsigned(header.to_string(), claims.to_string());
        for end in ["", signature.as_str(), "AA"] {
            border.refuses(&format!("{message}.{end}")).await.context(alg.to_string())?;
        }
        border.refuses(&message).await.context(alg.to_string())?;
    }
    let mut without = header.clone();
    without.as_object_mut().context("an object")?.remove("alg");
    for header in [header, without] {
        border.refuses(&format!("{}.", unsigned(header.to_string(), "{}"))).await?;
        let message = unsigned(header.to_string(), claims.to_string());
        border.refuses(&format!("{message}.")).await?;
    }
    border.accepts(genuine.expose()).await
}

/// Item 17. The public key is for everybody to read, and so it signs nothing: not as
/// text, not as DER, not as PEM, and in none of the HMACs.
#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() -> anyhow::Result<()>
{
    for algorithm in ALGORITHMS {
        let flags = ["--signing-algorithm", algorithm];
        let town = Town::new(Stores::Embedded, "token", &flags).await?;
        let border = Border::of(&town).await?;
        let (genuine, _) = log_in(&town.client(), &town.alice).await?;
        let (mut header, claims, _) = parts(&genuine)?;
        let page = town.client().request(Method::GET, paths::JWKS);
        let page = town.client().send(page).await?.body;
        for (name, secret) in public_key_as_secrets(&page)? {
            let key = EncodingKey::from_secret(&secret);
            for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                header["alg"] = json!(format!("{alg:?}"));
                let forged = signed(header.to_string(), claims.to_string(), &key, alg)?;
                let refused = border.refuses(&forged).await;
                refused.with_context(|| format!("{algorithm}, {alg:?} with {name}"))?;
            }
        }
        border.accepts(genuine.expose()).await?;
    }
    Ok(())
}

/// Every form in which the key that the server publishes may lie around.
fn public_key_as_secrets(page: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let jwks: Value = serde_json::from_slice(page)?;
    let jwk = &jwks["keys"][0];
    let bytes = |name: &str| {
        let text = jwk[name].as_str().with_context(|| name.to_owned())?;
        anyhow::Ok(URL_SAFE_NO_PAD.decode(text)?)
    };
    let (member, ders) = match jwk["kty"].as_str() {
        Some("OKP") => {
            // RFC 8410 §4: what comes before the 32 bytes of an Ed25519 key.
            let prefix = *b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
            let spki = [&prefix[..], &bytes("x")?].concat();
            ("x", vec![("PUBLIC KEY", spki)])
        }
        _ => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let (n, e) = (BigUint::from_bytes_be(&n), BigUint::from_bytes_be(&e));
            let key = RsaPublicKey::new(n, e)?;
            let spki = key.to_public_key_der()?.into_vec();
            let pkcs1 = key.to_pkcs1_der()?.into_vec();
            ("n", vec![("PUBLIC KEY", spki), ("RSA PUBLIC KEY", pkcs1)])
        }
    };
    let text = jwk[member].as_str().unwrap_or_default();
    let mut secrets = vec![
        ("the JWKS page".to_owned(), page.to_vec()),
        ("the JWK".to_owned(), jwk.to_string().into_bytes()),
        (format!("{member} as text"), text.as_bytes().to_vec()),
        (format!("{member} as bytes"), bytes(member)?),
    ];
    for (label, der) in ders {
        let pem = pem(label, &der);
        secrets.push((format!("{label} as base64"), STANDARD.encode(&der).into()));
        secrets
            .push((format!("{label} as PEM and a newline"), format!("{pem}\n").into()));
        secrets.push((format!("{label} as PEM"), pem.into()));
        secrets.push((format!("{label} as DER"), der));
    }
    Ok(secrets)
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
}

/// An attacker's address, and how often it was called.
async fn trap() -> anyhow::Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok((address, calls))
}

/// Item 18. A key is found by its name among ours, and nowhere else: not in the token,
/// not at an address that the token names, not in a file.
#[tokio::test]
async fn a_token_cannot_bring_its_key_along_or_say_where_to_fetch_it()
-> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        brings_its_key(algorithm).await.context(algorithm)?;
    }
    Ok(())
}

async fn brings_its_key(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm];
    let town = Town::new(Stores::Embedded, "token", &flags).await?;
    let border = Border::of(&town).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
    let (ours, claims, _) = parts(&genuine)?;
    let (address, calls) = trap().await?;
    let (algorithm, key, jwk) = attackers_key(algorithm)?;
    let sign =
        |header: &Value| signed(header.to_string(), claims.to_string(), &key, algorithm);
    for (member, value) in lures(&address, &ours, &jwk) {
        for kid in [&ours["kid"], &json!("attacker")] {
            let mut header = ours.clone();
            header["kid"] = kid.clone();
            header[member] = value.clone();
            let refused = border.refuses(&sign(&header)?).await;
            refused.with_context(|| format!("{member}: {value:.40}, {kid}"))?;
        }
    }
    equal("calls at the attacker's address", calls.load(Ordering::SeqCst), 0)?;
    // The trap works: who does call is counted.
    let _caller = TcpStream::connect(&address).await?;
    eventually(PATIENCE, "a call that is counted", async || {
        Ok((calls.load(Ordering::SeqCst) == 1).then_some(()))
    })
    .await?;
    border.accepts(genuine.expose()).await
}

/// Headers that lead to the attacker's key, or to one that is no secret.
fn lures(address: &str, ours: &Value, jwk: &Value) -> Vec<(&'static str, Value)> {
    vec![
        ("jku", json!(format!("http://{address}/jwks.json"))),
        ("x5u", json!(format!("http://{address}/chain.pem"))),
        ("x5c", json!([STANDARD.encode("a certificate of the attacker's")])),
        ("jwk", jwk.clone()),
        ("kid", json!(format!("http://{address}/jwks.json"))),
        ("kid", jwk["x"].clone()),
        ("kid", jwk["n"].clone()),
        ("kid", json!("../../../../../../dev/null")),
        ("kid", json!("../secret")),
        ("kid", json!("' OR '1'='1")),
        ("kid", json!("x' UNION SELECT 'AAAA'; --")),
        ("kid", json!("k".repeat(10_000))),
        ("kid", json!("\u{0}")),
        ("kid", json!("")),
        ("kid", json!([ours["kid"]])),
        ("kid", Value::Null),
        ("crit", json!(["b64"])),
        ("none of them", Value::Null),
    ]
}

/// A key of the kind that the server signs with.
fn attackers_key(algorithm: &str) -> anyhow::Result<(Algorithm, EncodingKey, Value)> {
    let (algorithm, key) = if algorithm == "rs256" {
        let key = RsaPrivateKey::new(&mut OsRng, 2_048)?;
        let der = key.to_pkcs1_der()?;
        (Algorithm::RS256, EncodingKey::from_rsa_der(der.as_bytes()))
    } else {
        let pair = KeypairBytes { secret_key: [66; 32], public_key: None };
        let der = pair.to_pkcs8_der().map_err(|error| anyhow::anyhow!("{error}"))?;
        (Algorithm::EdDSA, EncodingKey::from_ed_der(der.as_bytes()))
    };
    let jwk = Jwk::from_encoding_key(&key, algorithm)?;
    Ok((algorithm, key, serde_json::to_value(jwk)?))
}

/// Item 18. A thousand made-up key names are a thousand refusals, and one look into the
/// records on each replica.
#[tokio::test]
async fn a_thousand_unknown_keys_cost_one_look_a_minute() -> anyhow::Result<()> {
    let town = Town::new(Stores::Embedded, "token", &[]).await?;
    let border = Border::of(&town).await?;
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
    let (ours, claims, signature) = parts(&genuine)?;
    let looks = async |replica: &Started| {
        let name = "upload_server_signing_key_refreshes_total{reason=\"unknown_kid\"}";
        anyhow::Ok(replica.server.metric(name).await?.unwrap_or_default())
    };
    let made_up = (0..1_000).map(|number| {
        let mut header = ours.clone();
        header["kid"] = json!(format!("made-up-{number}"));
        format!("{}.{signature}", unsigned(header.to_string(), claims.to_string()))
    });
    let asked = stream::iter(made_up.map(anyhow::Ok));
    let border = &border;
    asked
        .try_for_each_concurrent(8, |token| async move { border.refuses(&token).await })
        .await?;
    for replica in town.replicas() {
        equal("looks into the records", looks(replica).await?, 1.0)?;
    }
    border.accepts(genuine.expose()).await
}
