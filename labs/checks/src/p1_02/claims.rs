//! Task 4: correctly signed tokens with invalid claims.

use super::fixture::{Fixture, now};
use grader::{CheckContext, CheckError, CheckResult};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lifetime of the token that expires during the check, in seconds. Times are whole
/// seconds, so it may be one less.
const SHORT_LIFE: u64 = 2;

pub(super) async fn expired_token_is_refused(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let mut forger = fixture.forger().await?;
    let hour = 3600;
    let help = "exp is the first moment at which the token is invalid, without leeway. \
                Is it compared with the clock on each request?";
    for ago in [1, ctx.random_number(60, 3000), 24 * hour] {
        forger.claims["iat"] = (now() - ago - fixture.life).into();
        forger.claims["exp"] = (now() - ago).into();
        let what = format!("a token that expired {ago} s ago");
        fixture.refused(&what, &forger.token(), help).await?;
    }
    for (what, exp) in [("without exp", None), ("with exp null", Some(Value::Null))] {
        let mut endless = fixture.forger().await?;
        without(&mut endless.claims, "exp", exp);
        let help = "such a token would never expire";
        fixture.refused(&format!("a token {what}"), &endless.token(), help).await?;
    }
    let help = "the iat of this token is ahead: one of two clocks is wrong. Only a few seconds \
                of difference are acceptable";
    for ahead in [ctx.random_number(60, 120), hour] {
        forger.claims["iat"] = (now() + ahead).into();
        forger.claims["exp"] = (now() + 2 * hour).into();
        let what = format!("a token from the future, {ahead} s ahead");
        fixture.refused(&what, &forger.token(), help).await?;
    }
    dies_while_in_use(&fixture).await
}

/// A cache of verified tokens must not ignore their expiry.
async fn dies_while_in_use(fixture: &Fixture<'_>) -> CheckResult {
    let mut forger = fixture.forger().await?;
    let end = now() + SHORT_LIFE;
    forger.claims["iat"] = (end - fixture.life).into();
    forger.claims["exp"] = end.into();
    let token = forger.token();
    let reply = fixture.profile(&fixture.server, &token).await?;
    if now() >= end {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the token expired too soon",
        ));
    }
    reply.expect(200, "this token has not expired yet")?;
    let end = UNIX_EPOCH + Duration::from_secs(end);
    while let Ok(left) = end.duration_since(SystemTime::now()) {
        tokio::time::sleep(left + Duration::from_millis(20)).await;
    }
    fixture.ctx.note("… after it has expired");
    let help = "the token was valid a moment ago and has expired now. Does each request \
                check exp again?";
    fixture.refused("the same token", &token, help).await
}

pub(super) async fn token_with_wrong_issuer_or_audience_is_refused(
    ctx: &CheckContext,
) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let forger = fixture.forger().await?;
    fixture
        .accepted(&fixture.server, &forger.token(), "this token is signed with the key")
        .await?;
    let help = "another service may have the same key. Which claims show that our login \
                issued the token, for our service? (RFC 8725 §3.8, §3.9)";
    let other = ctx.random_word();
    for claim in ["iss", "aud"] {
        for value in [Some(json!(other)), Some(json!("")), None] {
            let shown = value.as_ref().map_or("left out".to_owned(), Value::to_string);
            let mut forged = forger.clone();
            without(&mut forged.claims, claim, value);
            let what = format!("a token with {claim} {shown}");
            fixture.refused(&what, &forged.token(), help).await?;
        }
    }
    Ok(())
}

pub(super) async fn token_with_a_missing_claim_is_refused(
    ctx: &CheckContext,
) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let forger = fixture.forger().await?;
    fixture
        .accepted(&fixture.server, &forger.token(), "this token is signed with the key")
        .await?;
    let help = "all five claims are required, each with its type: sub, iss and aud are \
                strings, iat and exp are numbers. What does your program assume about a \
                claim that is missing?";
    for claim in ["sub", "iss", "aud", "iat", "exp"] {
        let number = json!(ctx.random_number(1, 99));
        let text = json!(ctx.random_word());
        let other_type = if ["iat", "exp"].contains(&claim) { text } else { number };
        for value in [
            None,
            Some(Value::Null),
            Some(other_type),
            Some(json!(true)),
            Some(json!({})),
        ] {
            let shown = value.as_ref().map_or("left out".to_owned(), Value::to_string);
            let mut forged = forger.clone();
            without(&mut forged.claims, claim, value);
            let what = format!("a token with {claim} {shown}");
            fixture.refused(&what, &forged.token(), help).await?;
        }
    }
    Ok(())
}

/// Replaces a claim, or removes it.
fn without(claims: &mut Value, claim: &str, instead: Option<Value>) {
    match (instead, claims.as_object_mut()) {
        (Some(value), _) => claims[claim] = value,
        (None, Some(claims)) => drop(claims.remove(claim)),
        (None, None) => {}
    }
}
