//! Invalid tokens: each test is one kind of attack.

mod spelling;

use super::*;
use crate::clock::{now, now_ms};
use crate::config::credentials::SigningAlgorithm;
use crate::tokens::keys::StoredKey;
use crate::tokens::sealing::SealingKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

struct TestKey {
    stored: StoredKey,
    known: Arc<KnownKey>,
}

fn new_key(algorithm: SigningAlgorithm) -> TestKey {
    let sealing = SealingKey::from_bytes(&[1; 32]);
    let stored = StoredKey::make(algorithm, &sealing).unwrap();
    let known = KnownKey {
        kid: stored.kid.clone(),
        verifying: Arc::new(stored.verifying().unwrap()),
        signing: Some(Arc::new(stored.signing(&sealing).unwrap())),
        signs_from: 0,
        verifies_until: None,
    };
    TestKey { stored, known: Arc::new(known) }
}

static EDDSA: LazyLock<TestKey> = LazyLock::new(|| new_key(SigningAlgorithm::Eddsa));
static RS256: LazyLock<TestKey> = LazyLock::new(|| new_key(SigningAlgorithm::Rs256));

fn both_algorithms() -> [&'static TestKey; 2] {
    [&EDDSA, &RS256]
}

fn good_claims() -> Value {
    let now = now_ms() / 1000;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "org": "main", "role": "member",
        "ver": 1, "sid": "s", "jti": "j", "iat": now, "nbf": now, "exp": now + 60,
    })
}

fn good_header(ours: &TestKey) -> Value {
    json!({
        "typ": TYPE, "alg": ours.known.verifying.algorithm.as_str(), "kid": ours.known.kid,
    })
}

/// Signs any header and claims with our key.
fn signed_text(ours: &TestKey, header: &str, claims: &str) -> String {
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = ours.known.signing.as_ref().unwrap();
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key.key, key.algorithm.jwt());
    format!("{message}.{}", signature.unwrap())
}

fn signed(ours: &TestKey, header: &Value, claims: &Value) -> String {
    signed_text(ours, &header.to_string(), &claims.to_string())
}

fn checked(ours: &TestKey, token: &str) -> Result<Claims, BadToken> {
    let set = KeySet::new(vec![Arc::clone(&ours.known)], 0);
    verify_with(token, &set, Validity::Current, now())?.ok_or(BadToken::Invalid)
}

fn is_refused(ours: &TestKey, header: &Value, claims: &Value) -> bool {
    checked(ours, &signed(ours, header, claims)).is_err()
}

#[test]
fn verified_claims_equal_signed_claims() {
    for ours in both_algorithms() {
        let token = signed(ours, &good_header(ours), &good_claims());
        let claims = checked(ours, &token).unwrap();
        assert_eq!(
            (claims.sub.as_str(), claims.ver, claims.jti.as_str()),
            ("alice", 1, "j")
        );
        let again = sign(&claims, ours.known.signing.as_ref().unwrap()).unwrap();
        assert_eq!(checked(ours, again.expose()).unwrap().sid, "s");
    }
}

#[test]
fn unsigned_token_is_refused_in_every_spelling() {
    for ours in both_algorithms() {
        for alg in ["none", "None", "nOnE", "NONE", ""] {
            let mut header = good_header(ours);
            header["alg"] = json!(alg);
            let token = signed(ours, &header, &good_claims());
            let unsigned = &token[..=token.rfind('.').unwrap()];
            assert!(checked(ours, &token).is_err(), "{alg}");
            assert!(checked(ours, unsigned).is_err(), "{alg} without signature");
        }
        let mut header = good_header(ours);
        header.as_object_mut().unwrap().remove("alg");
        assert!(is_refused(ours, &header, &good_claims()), "alg missing");
        let token = signed(ours, &good_header(ours), &good_claims());
        assert!(checked(ours, &token[..=token.rfind('.').unwrap()]).is_err());
    }
}

/// Algorithm confusion: a public key used as an HMAC secret.
#[test]
fn public_key_as_hmac_secret_is_refused() {
    for ours in both_algorithms() {
        let jwk: Value = serde_json::from_str(&ours.stored.public_jwk).unwrap();
        let text = jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap().to_owned();
        let raw = URL_SAFE_NO_PAD.decode(&text).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----");
        let secrets = [
            text.into_bytes(),
            raw,
            pem.clone().into_bytes(),
            format!("{pem}\n").into_bytes(),
        ];
        for secret in secrets {
            for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let mut header = Header::new(alg);
                header.typ = Some(TYPE.to_owned());
                header.kid = Some(ours.known.kid.clone());
                let key = EncodingKey::from_secret(&secret);
                let token = jsonwebtoken::encode(&header, &good_claims(), &key).unwrap();
                assert!(checked(ours, &token).is_err());
            }
        }
    }
}

#[test]
fn keys_come_only_from_the_own_key_set() {
    for ours in both_algorithms() {
        let jwk: Value = serde_json::from_str(&ours.stored.public_jwk).unwrap();
        let attempts = [
            ("jku", json!("http://127.0.0.1:9/keys")),
            ("x5u", json!("http://127.0.0.1:9/cert")),
            ("x5c", json!(["MIIB"])),
            ("jwk", jwk),
            ("crit", json!(["b64"])),
        ];
        for (name, value) in attempts {
            let mut header = good_header(ours);
            header[name] = value;
            assert!(is_refused(ours, &header, &good_claims()), "{name}");
        }
        for kid in ["../../dev/null", "' OR '1'='1", "", &"k".repeat(10_000), "unknown"] {
            let mut header = good_header(ours);
            header["kid"] = json!(kid);
            assert!(is_refused(ours, &header, &good_claims()), "{kid}");
        }
        let mut header = good_header(ours);
        header.as_object_mut().unwrap().remove("kid");
        assert!(is_refused(ours, &header, &good_claims()), "no kid");
    }
}

#[test]
fn missing_or_mistyped_claims_are_refused() {
    let ours = &*EDDSA;
    let names =
        ["iss", "aud", "sub", "org", "role", "ver", "sid", "jti", "iat", "nbf", "exp"];
    for name in names {
        let mut wrong =
            vec![Value::Null, json!([]), json!({}), json!(-1.5), json!(1e300)];
        let text = !matches!(name, "ver" | "iat" | "nbf" | "exp");
        wrong.push(if text { json!(1) } else { json!("1") });
        if matches!(name, "iat" | "nbf" | "exp") {
            let soon = (now_ms() / 1000) as f64 + 30.5;
            wrong.extend([json!(-1), json!(soon), json!([soon])]);
        }
        for value in wrong {
            let mut claims = good_claims();
            claims[name] = value.clone();
            assert!(is_refused(ours, &good_header(ours), &claims), "{name} = {value}");
        }
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        assert!(is_refused(ours, &good_header(ours), &claims), "{name} missing");
    }
    let huge = good_claims().to_string().replace("\"exp\":", "\"exp\":1e400,\"was\":");
    let header = good_header(ours).to_string();
    assert!(checked(ours, &signed_text(ours, &header, &huge)).is_err(), "1e400");
}

#[test]
fn wrong_issuer_audience_or_subject_is_refused() {
    let ours = &*EDDSA;
    let wrong = [
        ("iss", json!("stateless-server")),
        ("iss", json!([ISSUER])),
        ("aud", json!("another-api")),
        ("aud", json!([AUDIENCE, "another-api"])),
        ("sub", json!("../bob")),
        ("role", json!("owner")),
    ];
    for (name, value) in wrong {
        let mut claims = good_claims();
        claims[name] = value.clone();
        assert!(is_refused(ours, &good_header(ours), &claims), "{name} = {value}");
    }
}

#[test]
fn token_is_valid_from_nbf_to_exp_with_leeway() {
    let ours = &*EDDSA;
    let with = |name: &str, time: u64| {
        let mut claims = good_claims();
        claims[name] = json!(time);
        checked(ours, &signed(ours, &good_header(ours), &claims)).map(|_claims| ())
    };
    let now = now_ms() / 1000;
    assert_eq!(with("exp", now - LEEWAY_S - 2), Err(BadToken::Expired));
    assert_eq!(with("exp", now), Ok(()));
    assert_eq!(with("nbf", now + LEEWAY_S + 60), Err(BadToken::Invalid));
    assert_eq!(with("nbf", now + LEEWAY_S), Ok(()));
}

#[test]
fn jwt_of_another_type_is_refused() {
    for typ in ["JWT", "at+JWT", "rt+jwt", "application/at+jwt", ""] {
        let mut header = good_header(&EDDSA);
        header["typ"] = json!(typ);
        assert!(is_refused(&EDDSA, &header, &good_claims()), "{typ}");
    }
    let mut header = good_header(&EDDSA);
    header.as_object_mut().unwrap().remove("typ");
    assert!(is_refused(&EDDSA, &header, &good_claims()), "no typ");
}
