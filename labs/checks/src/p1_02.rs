//! p1-02, proof on every request: a password for the login only, then a signed token.

mod forged;
mod forger;
mod login;
mod nonsense;
mod scene;
mod times;

use forged::{a_changed_token_is_refused, the_token_does_not_choose_its_check};
use forger::Parts;
use grader::{Exam, Outcome, Suite, require, suite};
use login::{
    a_login_opens_the_door, refusals_look_alike, the_password_is_for_the_login_only,
};
use nonsense::nonsense_is_refused_and_nothing_breaks;
use scene::Scene;
use times::{a_token_for_somebody_else_is_refused, an_old_token_is_refused};

pub(crate) const SUITE: Suite = suite!("p1-02-proof-on-every-request":
    a_login_opens_the_door,
    refusals_look_alike,
    the_password_is_for_the_login_only,
    the_token_is_signed,
    nothing_secret_is_in_the_token,
    any_replica_accepts_the_token,
    a_changed_token_is_refused,
    the_token_does_not_choose_its_check,
    an_old_token_is_refused,
    a_token_for_somebody_else_is_refused,
    nonsense_is_refused_and_nothing_breaks,
    the_signature_is_the_memory,
);

/// What a token may say, besides what it has to.
const HARMLESS: [&str; 7] = ["sub", "iss", "aud", "iat", "exp", "nbf", "jti"];

async fn the_token_is_signed(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let before = scene::now();
    let parts = Parts::of(&scene.log_in().await?)?;
    let after = scene::now();
    let help = "the header says how the signature was made: RFC 7515, appendix A.1, has \
                an example";
    let alg = &parts.header["alg"];
    require(alg == "HS256", "\"alg\":\"HS256\" in the header", alg.to_string(), help)?;
    let help = "what exactly is signed? The two parts as they stand in the token, and the \
                dot between them (RFC 7515 §5.1)";
    require(
        parts.is_signed_with(scene.key.as_bytes()),
        "HMAC-SHA256 of the first two parts, made with --key",
        "another signature",
        help,
    )?;
    for (claim, expected) in scene.who_and_whom() {
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
    let (life, lives) = (scene.life, i128::from(parts.seconds("exp")?) - i128::from(iat));
    let expected = format!("an exp that is {life} s after iat");
    require(lives == i128::from(life), expected, format!("{lives} s"), help)
}

async fn nothing_secret_is_in_the_token(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let parts = Parts::of(&scene.log_in().await?)?;
    let text = format!("{} {}", parts.header, parts.claims);
    let secrets = [("the password", &scene.user.password), ("the key", &scene.key)];
    for (what, secret) in secrets {
        let found = forger::spellings(secret).into_iter().find(|way| text.contains(way));
        let help = "a token is signed and not encrypted: whoever sees it can read it, with \
                    one command (base64 -d)";
        let actual = format!("{what} or a hash of it is in there");
        require(found.is_none(), format!("a token without {what}"), actual, help)?;
    }
    let claims = parts.claims.as_object().into_iter().flatten();
    let other =
        claims.map(|(name, _)| name).find(|name| !HARMLESS.contains(&name.as_str()));
    let help =
        "is it needed to know who is calling? What is in a token is out of your hands";
    let expected = format!("no claims but {}", HARMLESS.join(", "));
    require(other.is_none(), expected, format!("also {other:?}"), help)
}

async fn any_replica_accepts_the_token(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let other = scene.a_replica_without_accounts().await?;
    let token = scene.log_in().await?;
    let help = "this replica made the token itself";
    scene.accepted(&scene.server, &token, help).await?;
    let help = "this replica has the key and no account of this name. Whom does it ask, and \
                for what?";
    scene.accepted(&other, &token, help).await?;
    scene.server.kill().await;
    other.kill().await;
    scene.server.restart().await?;
    other.restart().await?;
    let help = "nothing but the key is left from before: is something remembered in the \
                process?";
    scene.accepted(&scene.server, &token, help).await?;
    scene.accepted(&other, &token, help).await
}

/// A table of tokens that were handed out may hide in a file; this token was never
/// handed out.
async fn the_signature_is_the_memory(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let mut forger = scene.forger().await?;
    let stranger = exam.user();
    forger.claims["sub"] = stranger.clone().into();
    let help = "this token was signed with the key, by another program, for somebody who \
                never logged in here. The signature is right: what else is looked at?";
    scene.server.kill().await;
    scene.server.restart().await?;
    scene.accepted_as(&scene.server, &forger.token(), &stranger, help).await
}
