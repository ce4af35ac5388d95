//! Forged tokens: unsigned, signed with the public key as an HMAC secret, or with a key
//! supplied in the token.

use crate::security::forge::{ALGORITHMS, TokenProbe, log_in, parts, signed, unsigned};
use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::fixture::Started;
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::paths;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use client::expect::equal;
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

/// Item 16. A token without a valid signature is refused, for every spelling of `alg:
/// none`.
#[tokio::test]
async fn unsigned_token_is_refused_for_every_spelling_of_none() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        without_a_signature(algorithm).await.context(algorithm)?;
    }
    Ok(())
}

async fn without_a_signature(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm];
    let app = TestApp::new(StoreKind::Embedded, "token", &flags).await?;
    let probe = TokenProbe::of(&app).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
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
            probe.refuses(&format!("{message}.{end}")).await.context(alg.to_string())?;
        }
        probe.refuses(&message).await.context(alg.to_string())?;
    }
    let mut without = header.clone();
    without.as_object_mut().context("an object")?.remove("alg");
    for header in [header, without] {
        probe.refuses(&format!("{}.", unsigned(header.to_string(), "{}"))).await?;
        let message = unsigned(header.to_string(), claims.to_string());
        probe.refuses(&format!("{message}.")).await?;
    }
    probe.accepts(genuine.expose()).await
}

/// Item 17. The public key is no secret: a token with an HMAC over it is refused, for
/// every encoding of the key (text, DER, PEM) and every HMAC.
#[tokio::test]
async fn token_with_hmac_of_the_public_key_is_refused() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        let flags = ["--signing-algorithm", algorithm];
        let app = TestApp::new(StoreKind::Embedded, "token", &flags).await?;
        let probe = TokenProbe::of(&app).await?;
        let (genuine, _) = log_in(&app.client(), &app.alice).await?;
        let (mut header, claims, _) = parts(&genuine)?;
        let page = app.client().request(Method::GET, paths::JWKS);
        let page = app.client().send(page).await?.body;
        for (name, secret) in public_key_as_secrets(&page)? {
            let key = EncodingKey::from_secret(&secret);
            for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                header["alg"] = json!(format!("{alg:?}"));
                let forged = signed(header.to_string(), claims.to_string(), &key, alg)?;
                let refused = probe.refuses(&forged).await;
                refused.with_context(|| format!("{algorithm}, {alg:?} with {name}"))?;
            }
        }
        probe.accepts(genuine.expose()).await?;
    }
    Ok(())
}

/// The published key in every common encoding.
fn public_key_as_secrets(page: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let jwks: Value = serde_json::from_slice(page)?;
    let jwk = &jwks["keys"][0];
    let bytes = |name: &str| {
        let text = jwk[name].as_str().with_context(|| name.to_owned())?;
        anyhow::Ok(URL_SAFE_NO_PAD.decode(text)?)
    };
    let (member, ders) = match jwk["kty"].as_str() {
        Some("OKP") => {
            // RFC 8410 §4: the prefix of the 32 bytes of an Ed25519 key.
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

/// A listener of the attacker, and the number of its connections.
async fn attacker_listener() -> anyhow::Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok((address, connections))
}

/// Item 18. The server finds a key only by its id among its own keys: not in the token,
/// not at an address in the token, not in a file.
#[tokio::test]
async fn token_headers_cannot_supply_or_locate_the_key() -> anyhow::Result<()> {
    for algorithm in ALGORITHMS {
        check_key_headers(algorithm).await.context(algorithm)?;
    }
    Ok(())
}

async fn check_key_headers(algorithm: &str) -> anyhow::Result<()> {
    let flags = ["--signing-algorithm", algorithm];
    let app = TestApp::new(StoreKind::Embedded, "token", &flags).await?;
    let probe = TokenProbe::of(&app).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    let (ours, claims, _) = parts(&genuine)?;
    let (address, connections) = attacker_listener().await?;
    let (algorithm, key, jwk) = attackers_key(algorithm)?;
    let sign =
        |header: &Value| signed(header.to_string(), claims.to_string(), &key, algorithm);
    for (member, value) in key_references(&address, &ours, &jwk) {
        for kid in [&ours["kid"], &json!("attacker")] {
            let mut header = ours.clone();
            header["kid"] = kid.clone();
            header[member] = value.clone();
            let refused = probe.refuses(&sign(&header)?).await;
            refused.with_context(|| format!("{member}: {value:.40}, {kid}"))?;
        }
    }
    equal("connections to the attacker", connections.load(Ordering::SeqCst), 0)?;
    // Control: the listener counts a connection.
    let _caller = TcpStream::connect(&address).await?;
    eventually(PROCESS_TIMEOUT, "a counted connection", async || {
        Ok((connections.load(Ordering::SeqCst) == 1).then_some(()))
    })
    .await?;
    probe.accepts(genuine.expose()).await
}

/// Headers that refer to the key of the attacker, or to a key that is public.
fn key_references(
    address: &str,
    ours: &Value,
    jwk: &Value,
) -> Vec<(&'static str, Value)> {
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

/// A key of the attacker, of the type that the server uses.
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

/// Item 18. A thousand unknown key ids are refused and cost one database lookup per
/// replica.
#[tokio::test]
async fn thousand_unknown_key_ids_cost_one_lookup_per_replica() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Embedded, "token", &[]).await?;
    let probe = TokenProbe::of(&app).await?;
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    let (ours, claims, signature) = parts(&genuine)?;
    let lookups = async |replica: &Started| {
        let name = "upload_server_signing_key_refreshes_total{reason=\"unknown_kid\"}";
        anyhow::Ok(replica.server.metric(name).await?.unwrap_or_default())
    };
    let forged = (0..1_000).map(|number| {
        let mut header = ours.clone();
        header["kid"] = json!(format!("made-up-{number}"));
        format!("{}.{signature}", unsigned(header.to_string(), claims.to_string()))
    });
    let tokens = stream::iter(forged.map(anyhow::Ok));
    let probe = &probe;
    tokens
        .try_for_each_concurrent(8, |token| async move { probe.refuses(&token).await })
        .await?;
    for replica in app.replicas() {
        equal("key lookups in the database", lookups(replica).await?, 1.0)?;
    }
    probe.accepts(genuine.expose()).await
}
