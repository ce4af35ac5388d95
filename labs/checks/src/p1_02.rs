//! p1-02, a credential on every request: a password for the login only, then a signed
//! token.

mod claims;
mod fixture;
mod forged;
mod forger;
mod login;
mod malformed;
mod timing;

use claims::{
    expired_token_is_refused, token_with_a_missing_claim_is_refused,
    token_with_wrong_issuer_or_audience_is_refused,
};
use fixture::Fixture;
use forged::{a_changed_token_is_refused, token_does_not_choose_its_algorithm};
use forger::Parts;
use grader::{CheckContext, CheckResult, Suite, require, suite};
use login::{
    failed_logins_are_indistinguishable, login_returns_a_token,
    the_password_is_for_the_login_only,
};
use malformed::malformed_tokens_are_refused;

pub(crate) const SUITE: Suite = suite!("p1-02-credential-on-every-request":
    login_returns_a_token,
    failed_logins_are_indistinguishable,
    the_password_is_for_the_login_only,
    the_token_is_signed,
    nothing_secret_is_in_the_token,
    any_replica_accepts_the_token,
    a_changed_token_is_refused,
    token_does_not_choose_its_algorithm,
    expired_token_is_refused,
    token_with_wrong_issuer_or_audience_is_refused,
    token_with_a_missing_claim_is_refused,
    malformed_tokens_are_refused,
    any_correctly_signed_token_is_accepted,
);

/// Claims that a token may contain.
const ALLOWED_CLAIMS: [&str; 7] = ["sub", "iss", "aud", "iat", "exp", "nbf", "jti"];

async fn the_token_is_signed(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let before = fixture::now();
    let parts = Parts::of(&fixture.log_in().await?)?;
    let after = fixture::now();
    let help = "the header names the signature's algorithm: RFC 7515, appendix A.1, has \
                an example";
    let alg = &parts.header["alg"];
    require(alg == "HS256", "\"alg\":\"HS256\" in the header", alg.to_string(), help)?;
    let help = "which bytes are signed? The first two parts as they are in the token, \
                and the dot between them (RFC 7515 §5.1)";
    require(
        parts.is_signed_with(fixture.key.as_bytes()),
        "HMAC-SHA256 of the first two parts, with the key from --key",
        "another signature",
        help,
    )?;
    for (claim, expected) in fixture.expected_claims() {
        let (said, help) =
            (&parts.claims[claim], "each claim has a meaning: RFC 7519 §4.1");
        let expected = format!("\"{claim}\":\"{expected}\"");
        require(
            format!("\"{claim}\":{said}") == expected,
            expected,
            said.to_string(),
            help,
        )?;
    }
    let help = "whole seconds since 1970, not milliseconds (RFC 7519 §2, NumericDate)";
    let iat = parts.seconds("iat")?;
    let about_now = (before - 1..=after + 1).contains(&iat);
    require(about_now, "the time of the login in iat", "another time", help)?;
    let (life, lives) =
        (fixture.life, i128::from(parts.seconds("exp")?) - i128::from(iat));
    let expected = format!("an exp that is {life} s after iat");
    require(lives == i128::from(life), expected, format!("{lives} s"), help)
}

async fn nothing_secret_is_in_the_token(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let parts = Parts::of(&fixture.log_in().await?)?;
    let text = format!("{} {}", parts.header, parts.claims);
    let secrets = [("the password", &fixture.user.password), ("the key", &fixture.key)];
    for (what, secret) in secrets {
        let found = forger::spellings(secret).into_iter().find(|way| text.contains(way));
        let help = "a token is signed, not encrypted: every reader can decode it with \
                    one command (base64 -d)";
        let actual = format!("the token contains {what} or a hash of it");
        require(found.is_none(), format!("a token without {what}"), actual, help)?;
    }
    let claims = parts.claims.as_object().into_iter().flatten();
    let other = claims
        .map(|(name, _)| name)
        .find(|name| !ALLOWED_CLAIMS.contains(&name.as_str()));
    let help = "is this claim needed to identify the caller? A token leaves your control, so \
         put nothing else in it";
    let expected = format!("only the claims {}", ALLOWED_CLAIMS.join(", "));
    require(other.is_none(), expected, format!("also the claim {other:?}"), help)
}

async fn any_replica_accepts_the_token(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let other = fixture.a_replica_without_accounts().await?;
    let token = fixture.log_in().await?;
    let help = "this replica created the token";
    fixture.accepted(&fixture.server, &token, help).await?;
    let help = "this replica has the key and no account with this name. Is the key \
                enough to verify the token?";
    fixture.accepted(&other, &token, help).await?;
    fixture.server.kill().await;
    other.kill().await;
    fixture.server.restart().await?;
    other.restart().await?;
    let help = "after the restart only the key is the same. Does the process store \
                anything that it needs to verify a token?";
    fixture.accepted(&fixture.server, &token, help).await?;
    fixture.accepted(&other, &token, help).await
}

/// A server could keep its issued tokens in a file. This token was never issued.
async fn any_correctly_signed_token_is_accepted(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let mut forger = fixture.forger().await?;
    let stranger = ctx.random_user();
    forger.claims["sub"] = stranger.clone().into();
    let help = "another program signed this token with the right key, for a user without \
                a login here. The signature is valid: which other lookup rejects it?";
    fixture.server.kill().await;
    fixture.server.restart().await?;
    fixture.accepted_as(&fixture.server, &forger.token(), &stranger, help).await
}
