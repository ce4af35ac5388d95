//! Task 4: genuine tokens that are no proof here and now.

use super::scene::{Scene, now};
use grader::{Exam, Outcome, Stop};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds that the token lives whose death is watched: its time is counted in whole
/// seconds, so it may be one less.
const SHORT_LIFE: u64 = 2;

pub(super) async fn an_old_token_is_refused(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let mut forger = scene.forger().await?;
    let hour = 3600;
    let help = "exp is the moment from which on the token is no proof any more, without \
                leeway. Who compares it with the clock, and when?";
    for ago in [1, exam.number(60, 3000), 24 * hour] {
        forger.claims["iat"] = (now() - ago - scene.life).into();
        forger.claims["exp"] = (now() - ago).into();
        let what = format!("a token that ended {ago} s ago");
        scene.refused(&what, &forger.token(), help).await?;
    }
    for (what, exp) in [("without exp", None), ("with exp null", Some(Value::Null))] {
        let mut endless = scene.forger().await?;
        without(&mut endless.claims, "exp", exp);
        let help = "would such a token ever end?";
        scene.refused(&format!("a token {what}"), &endless.token(), help).await?;
    }
    forger.claims["iat"] = (now() + hour).into();
    forger.claims["exp"] = (now() + 2 * hour).into();
    let help = "this token was made in an hour from now (iat): one of two clocks is wrong. A \
                few seconds may be forgiven";
    scene.refused("a token from the future", &forger.token(), help).await?;
    dies_while_in_use(&scene).await
}

/// To remember that a token was good is to forget that it ends.
async fn dies_while_in_use(scene: &Scene<'_>) -> Outcome {
    let mut forger = scene.forger().await?;
    let end = now() + SHORT_LIFE;
    forger.claims["iat"] = (end - scene.life).into();
    forger.claims["exp"] = end.into();
    let token = forger.token();
    let reply = scene.profile(&scene.server, &token).await?;
    if now() >= end {
        return Err(Stop::unsure("this machine was too busy: the token ended too soon"));
    }
    reply.expect(200, "this token has not ended yet")?;
    let end = UNIX_EPOCH + Duration::from_secs(end);
    while let Ok(left) = end.duration_since(SystemTime::now()) {
        tokio::time::sleep(left + Duration::from_millis(20)).await;
    }
    scene.exam.say("… after its end");
    let help = "it was good a moment ago, and its time is up. Is it asked for the time at each \
                use?";
    scene.refused("the same token", &token, help).await
}

pub(super) async fn a_token_for_somebody_else_is_refused(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let forger = scene.forger().await?;
    scene
        .accepted(&scene.server, &forger.token(), "this one is signed with the key")
        .await?;
    let help = "another service may have the same key. What says that a token was made by our \
                login, for us? (RFC 8725 §3.8, §3.9)";
    let other = exam.word();
    for claim in ["iss", "aud"] {
        for value in [Some(json!(other)), Some(json!("")), None] {
            let shown = value.as_ref().map_or("left out".to_owned(), Value::to_string);
            let mut forged = forger.clone();
            without(&mut forged.claims, claim, value);
            let what = format!("a token with {claim} {shown}");
            scene.refused(&what, &forged.token(), help).await?;
        }
    }
    for value in [Some(json!(exam.number(1, 99))), None] {
        let mut forged = forger.clone();
        without(&mut forged.claims, "sub", value);
        let help = "whom is this token about?";
        scene.refused("a token that names nobody", &forged.token(), help).await?;
    }
    Ok(())
}

/// Puts another value in a claim's place, or takes the claim out.
fn without(claims: &mut Value, claim: &str, instead: Option<Value>) {
    match (instead, claims.as_object_mut()) {
        (Some(value), _) => claims[claim] = value,
        (None, Some(claims)) => drop(claims.remove(claim)),
        (None, None) => {}
    }
}
