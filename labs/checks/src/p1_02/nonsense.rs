//! Task 5: what was never a token. It costs the sender nothing, so it will come.

use super::forger::{Forger, with_signature};
use super::scene::Scene;
use grader::{Exam, Outcome, require};

const HELP: &str = "everything that comes from outside may be anything: which `unwrap`, which \
                    index, which sum stands on it being well-formed?";

pub(super) async fn nonsense_is_refused_and_nothing_breaks(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let forger = scene.forger().await?;
    let token = forger.token();
    scene.accepted(&scene.server, &token, "this one is signed with the key").await?;
    for (what, nonsense) in shapes(exam, &forger).into_iter().chain(signed(&forger)) {
        scene.refused(what, &nonsense, HELP).await?;
    }
    let bare = exam.get(&scene.server.url(), "/api/profile");
    let bare = bare.header("Authorization", &token).send().await?;
    require(bare.status == 401, "status 401 without Bearer", bare.shown(), HELP)?;
    let help = "a good token after all the bad ones: is the server as it was?";
    scene.accepted(&scene.server, &token, help).await
}

/// Nothing that anybody signed.
fn shapes(exam: &Exam, forger: &Forger) -> Vec<(&'static str, String)> {
    let (token, word) = (forger.token(), exam.word());
    let first = token.split('.').next().unwrap_or_default();
    vec![
        ("nothing", String::new()),
        ("a dot", ".".to_owned()),
        ("two dots", "..".to_owned()),
        ("nothing but dots", ".".repeat(50)),
        ("a word", word.clone()),
        ("three words", format!("{word}.{word}.{word}")),
        ("a part too many", format!("{token}.{word}")),
        ("a part too few", first.to_owned()),
        ("an empty part", format!(".{token}")),
        ("no base64", format!("%%%.{word}.***")),
        ("base64 of no text", "gICAgA.gICAgA.gICAgA".to_owned()),
        ("padding", format!("{token}=")),
        ("a token twice", format!("{token} {token}")),
        ("JSON instead of base64", r#"{"alg":"HS256"}.{"sub":"ada"}."#.to_owned()),
        ("six thousand letters", "A".repeat(6000)),
    ]
}

/// Signed with the key: only these get as far as the claims.
fn signed(forger: &Forger) -> Vec<(&'static str, String)> {
    let claims = |claims: &str| forger.around(claims.as_bytes());
    let with = |claim: &str, value: &str| {
        let mut all = forger.claims.clone();
        all[claim] = serde_json::from_str(value).unwrap_or_default();
        claims(&all.to_string())
    };
    // A header that is no object: base64url of "null".
    let headless = "bnVsbA.bnVsbA";
    let headless = with_signature(headless, &forger.signature_of(headless));
    vec![
        ("a signed nothing", claims("")),
        ("a signed list", claims("[]")),
        ("a signed number", claims("7")),
        ("a signed null", claims("null")),
        ("signed bytes that are no text", forger.around(&[0xff, 0xfe, 0x00])),
        ("signed JSON without its end", claims(r#"{"sub":"#)),
        ("a signed token without a header", headless),
        ("an exp before 1970", with("exp", "-1")),
        ("an exp in words", with("exp", r#""tomorrow""#)),
        ("an iat beyond all numbers", with("iat", "18446744073709551615")),
        ("an iat in words", with("iat", r#""today""#)),
    ]
}
