//! Task 3: tokens that somebody made who should not be able to.

use super::forger::with_signature;
use super::scene::Scene;
use grader::{Exam, Outcome};
use serde_json::{Value, json};

pub(super) async fn a_changed_token_is_refused(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let forger = scene.forger().await?;
    let genuine = forger.token();
    scene.accepted(&scene.server, &genuine, "this one is signed with the key").await?;
    let signature = forger.signature_of(&forger.unsigned());

    let help = "what does the signature cover, and is it compared with what came?";
    let mut changed = forger.clone();
    changed.claims["sub"] = scene.other.name.clone().into();
    let token = with_signature(&changed.unsigned(), &signature);
    scene.refused("a token with another name in it", &token, help).await?;
    let mut changed = forger.clone();
    changed.header["kid"] = exam.word().into();
    let token = with_signature(&changed.unsigned(), &signature);
    let help = "the header belongs to what is signed: it says how to read the rest";
    scene.refused("a token with another header", &token, help).await?;

    let help = "all bytes of the signature have to be there, and to be right. What does your \
                comparison do with one that is too short?";
    let unsigned = forger.unsigned();
    scene.refused("a token without its third part", &unsigned, help).await?;
    for kept in [0, 1, signature.len() / 2, signature.len() - 1] {
        let token = with_signature(&unsigned, &signature[..kept]);
        let what = format!("a token with {kept} bytes of its signature");
        scene.refused(&what, &token, help).await?;
    }
    let place = usize::try_from(exam.number(0, 32)).unwrap_or_default();
    let mut flipped = signature.clone();
    flipped[place] ^= 1;
    let token = with_signature(&unsigned, &flipped);
    scene.refused("a token with one bit of its signature changed", &token, help).await?;
    let longer = [signature.as_slice(), &[0]].concat();
    let token = with_signature(&unsigned, &longer);
    scene.refused("a token with a byte more in its signature", &token, help).await?;
    other_keys(&scene).await
}

async fn other_keys(scene: &Scene<'_>) -> Outcome {
    let forger = scene.forger().await?;
    let help = "only somebody who has the key of --key can make a token. Is it this key that \
                the signature is made and checked with?";
    let guess = scene.exam.word();
    let token = forger.signed_with(guess.as_bytes());
    scene.refused("a token signed with another key", &token, help).await?;
    scene
        .refused("a token signed with an empty key", &forger.signed_with(b""), help)
        .await?;
    let elsewhere = scene.a_replica_with_another_key().await?;
    let reply = scene.profile(&elsewhere, &forger.token()).await?;
    reply.expect(401, help).map(drop)
}

pub(super) async fn the_token_does_not_choose_its_check(exam: &Exam) -> Outcome {
    let scene = Scene::set(exam).await?;
    let forger = scene.forger().await?;
    scene
        .accepted(&scene.server, &forger.token(), "this one is signed with the key")
        .await?;
    let help = "who decides how a token is checked: the one who checks it, or the one who \
                made it up? (RFC 8725 §3.1)";
    for alg in
        ["none", "None", "nOnE", ""].map(Value::from).into_iter().chain([Value::Null])
    {
        let mut forged = forger.clone();
        forged.header["alg"] = alg.clone();
        let what = format!("an unsigned token that says \"alg\":{alg}");
        let token = with_signature(&forged.unsigned(), &[]);
        scene.refused(&what, &token, help).await?;
        let what = format!("a signed token that says \"alg\":{alg}");
        scene.refused(&what, &forged.token(), help).await?;
    }
    let mut forged = forger.clone();
    forged.header["alg"] = "HS512".into();
    scene.refused("a token signed with HS512", &forged.with_sha512(), help).await?;
    scene.refused("an HS256 token that says HS512", &forged.token(), help).await?;
    let mut forged = forger.clone();
    forged.header.as_object_mut().and_then(|header| header.remove("alg"));
    scene.refused("a token that names no algorithm", &forged.token(), help).await?;
    let mut critical = forger.clone();
    critical.header["crit"] = json!(["lab"]);
    critical.header["lab"] = true.into();
    let help = "\"crit\" names what must be understood, or else the token is refused. Your \
                program understands nothing of the kind (RFC 7515 §4.1.11)";
    scene.refused("a token with a critical extension", &critical.token(), help).await
}
