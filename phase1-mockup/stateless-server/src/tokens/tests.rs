//! Valid and invalid tokens.

use super::*;
use serde_json::{Value, json};

const KEY: &[u8] = b"a key for tests, of thirty-two b";
const RULES: TokenRules = TokenRules { life: Duration::from_secs(60) };

fn alice() -> Username {
    Username::parse("alice").unwrap()
}

fn good_claims() -> Value {
    let now = now_ms() / 1000;
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice",
        "iat": now, "nbf": now, "exp": now + 60, "jti": "1",
    })
}

fn signed(header: &Header, claims: &Value) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(KEY)).unwrap()
}

fn checked(claims: &Value) -> Result<Username, BadToken> {
    let header = Header { typ: Some(TYPE.to_owned()), ..Header::default() };
    Tokens::with_key(KEY, RULES).check(&signed(&header, claims))
}

#[test]
fn token_is_accepted_only_with_its_key() {
    let token = Tokens::with_key(KEY, RULES).issue(alice()).unwrap();
    let second = Tokens::with_key(KEY, RULES);
    assert_eq!(second.check(token.expose()), Ok(alice()));
    let other = Tokens::with_key(&random_key(), RULES);
    assert_eq!(other.check(token.expose()), Err(BadToken::Invalid));
}

#[test]
fn missing_or_mistyped_claim_is_invalid() {
    assert_eq!(checked(&good_claims()), Ok(alice()));
    for claim in ["iss", "aud", "sub", "nbf", "exp"] {
        for value in [Value::Null, json!("!"), json!([]), json!(-1), json!(1e300)] {
            let mut claims = good_claims();
            claims[claim] = value.clone();
            assert!(checked(&claims).is_err(), "{claim} = {value}");
        }
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert_eq!(checked(&claims), Err(BadToken::Invalid), "{claim} missing");
    }
}

#[test]
fn token_is_valid_from_nbf_to_exp_with_leeway() {
    let now = now_ms() / 1000;
    let with = |claim: &str, time: u64| {
        let mut claims = good_claims();
        claims[claim] = json!(time);
        checked(&claims)
    };
    assert_eq!(with("exp", now - LEEWAY_S - 2), Err(BadToken::Expired));
    assert_eq!(with("exp", now), Ok(alice()));
    assert_eq!(with("nbf", now + LEEWAY_S + 60), Err(BadToken::Invalid));
    assert_eq!(with("nbf", now), Ok(alice()));
}

#[test]
fn token_cannot_choose_algorithm_or_type() {
    let tokens = Tokens::with_key(KEY, RULES);
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(algorithm) };
        let token = signed(&header, &good_claims());
        assert_eq!(tokens.check(&token), Err(BadToken::Invalid));
    }
    let ordinary = signed(&Header::default(), &good_claims());
    assert_eq!(tokens.check(&ordinary), Err(BadToken::Invalid), "typ JWT");
}

#[test]
fn short_key_is_refused_with_a_command_to_create_one() {
    let path = std::env::temp_dir().join(format!("short-key-{}", std::process::id()));
    std::fs::write(&path, "short").unwrap();
    let refused = Tokens::open(Some(&path), RULES).err().unwrap().to_string();
    std::fs::remove_file(&path).unwrap();
    assert!(refused.contains("/dev/urandom"), "{refused}");
}
