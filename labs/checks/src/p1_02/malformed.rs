//! Task 5: malformed tokens. Attackers can send them at no cost.

use super::fixture::Fixture;
use super::forger::{Forger, with_signature};
use grader::{CheckContext, CheckResult, require};

const HELP: &str = "a client can send any bytes. Which `unwrap`, index or addition \
                    assumes that they are well-formed?";

pub(super) async fn malformed_tokens_are_refused(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let forger = fixture.forger().await?;
    let token = forger.token();
    fixture
        .accepted(&fixture.server, &token, "this token is signed with the key")
        .await?;
    for (what, nonsense) in shapes(ctx, &forger).into_iter().chain(signed(&forger)) {
        fixture.refused(what, &nonsense, HELP).await?;
    }
    let bare = ctx.get(&fixture.server.url(), "/api/profile");
    let bare = bare.header("Authorization", &token).send().await?;
    require(bare.status == 401, "status 401 without Bearer", bare.shown(), HELP)?;
    let help = "a valid token after the malformed ones: does the server still work?";
    fixture.accepted(&fixture.server, &token, help).await
}

/// Malformed tokens without a valid signature.
fn shapes(ctx: &CheckContext, forger: &Forger) -> Vec<(&'static str, String)> {
    let (token, note) = (forger.token(), ctx.random_word());
    let first = token.split('.').next().unwrap_or_default();
    vec![
        ("an empty text", String::new()),
        ("a dot", ".".to_owned()),
        ("two dots", "..".to_owned()),
        ("only dots", ".".repeat(50)),
        ("a note", note.clone()),
        ("three words", format!("{note}.{note}.{note}")),
        ("an additional part", format!("{token}.{note}")),
        ("a missing part", first.to_owned()),
        ("an empty part", format!(".{token}")),
        ("invalid base64", format!("%%%.{note}.***")),
        ("base64 of invalid UTF-8", "gICAgA.gICAgA.gICAgA".to_owned()),
        ("padding", format!("{token}=")),
        ("a token twice", format!("{token} {token}")),
        ("JSON instead of base64", r#"{"alg":"HS256"}.{"sub":"ada"}."#.to_owned()),
        ("six thousand letters", "A".repeat(6000)),
    ]
}

/// Malformed tokens with a valid signature, which reach the parsing of claims.
fn signed(forger: &Forger) -> Vec<(&'static str, String)> {
    let claims = |claims: &str| forger.around(claims.as_bytes());
    let with = |claim: &str, value: &str| {
        let mut all = forger.claims.clone();
        all[claim] = serde_json::from_str(value).unwrap_or_default();
        claims(&all.to_string())
    };
    // A header that is not an object: base64url of "null".
    let headless = "bnVsbA.bnVsbA";
    let headless = with_signature(headless, &forger.signature_of(headless));
    vec![
        ("a signed empty text", claims("")),
        ("a signed list", claims("[]")),
        ("a signed number", claims("7")),
        ("a signed null", claims("null")),
        ("signed bytes that are not UTF-8", forger.around(&[0xff, 0xfe, 0x00])),
        ("signed incomplete JSON", claims(r#"{"sub":"#)),
        ("a signed token without a header", headless),
        ("an exp before 1970", with("exp", "-1")),
        ("an exp that is a string", with("exp", r#""tomorrow""#)),
        ("an iat of 2^64 - 1", with("iat", "18446744073709551615")),
        ("an iat that is a string", with("iat", r#""today""#)),
    ]
}
