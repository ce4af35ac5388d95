//! Task 3: forged tokens.

use super::fixture::Fixture;
use super::forger::{Forger, with_signature};
use grader::{CheckContext, CheckResult};
use serde_json::{Value, json};

pub(super) async fn a_changed_token_is_refused(ctx: &CheckContext) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let forger = fixture.forger().await?;
    let genuine = forger.token();
    let help = "this token is signed with the key";
    fixture.accepted(&fixture.server, &genuine, help).await?;
    let signature = forger.signature_of(&forger.unsigned());

    let help = "which bytes does the signature cover, and is it compared with the \
                received one?";
    let mut changed = forger.clone();
    changed.claims["sub"] = fixture.other.name.clone().into();
    let token = with_signature(&changed.unsigned(), &signature);
    fixture.refused("a token with another name", &token, help).await?;
    let mut changed = forger.clone();
    changed.header["kid"] = ctx.random_word().into();
    let token = with_signature(&changed.unsigned(), &signature);
    let help = "the header belongs to the signed bytes: it says how to read the rest";
    fixture.refused("a token with another header", &token, help).await?;

    let help = "every byte of the signature must be present and correct. How does your \
                comparison treat a signature that is too short?";
    let unsigned = forger.unsigned();
    fixture.refused("a token without its third part", &unsigned, help).await?;
    for kept in [0, 1, signature.len() / 2, signature.len() - 1] {
        let token = with_signature(&unsigned, &signature[..kept]);
        let what = format!("a token with {kept} bytes of its signature");
        fixture.refused(&what, &token, help).await?;
    }
    let place = usize::try_from(ctx.random_number(0, 32)).unwrap_or_default();
    let mut flipped = signature.clone();
    flipped[place] ^= 1;
    let longer = [signature.as_slice(), &[0]].concat();
    let others = [
        ("a token with one bit of its signature changed", flipped),
        ("a token with an additional byte in its signature", longer),
    ];
    for (what, signature) in others {
        fixture.refused(what, &with_signature(&unsigned, &signature), help).await?;
    }
    other_keys(&fixture).await
}

async fn other_keys(fixture: &Fixture<'_>) -> CheckResult {
    let forger = fixture.forger().await?;
    let help = "only the key from --key can sign a token. Do signing and verification \
                use this key?";
    let guess = fixture.ctx.random_word();
    let token = forger.signed_with(guess.as_bytes());
    fixture.refused("a token signed with another key", &token, help).await?;
    fixture
        .refused("a token signed with an empty key", &forger.signed_with(b""), help)
        .await?;
    let elsewhere = fixture.a_replica_with_another_key().await?;
    let reply = fixture.profile(&elsewhere, &forger.token()).await?;
    reply.expect(401, help).map(drop)
}

pub(super) async fn token_does_not_choose_its_algorithm(
    ctx: &CheckContext,
) -> CheckResult {
    let fixture = Fixture::create(ctx).await?;
    let forger = fixture.forger().await?;
    fixture
        .accepted(&fixture.server, &forger.token(), "this token is signed with the key")
        .await?;
    let help = "the verifier must choose the algorithm, not the token (RFC 8725 §3.1). \
                Which value does your code trust?";
    for alg in
        ["none", "None", "nOnE", ""].map(Value::from).into_iter().chain([Value::Null])
    {
        let mut forged = forger.clone();
        forged.header["alg"] = alg.clone();
        let what = format!("an unsigned token with \"alg\":{alg}");
        let token = with_signature(&forged.unsigned(), &[]);
        fixture.refused(&what, &token, help).await?;
        let what = format!("a signed token with \"alg\":{alg}");
        fixture.refused(&what, &forged.token(), help).await?;
    }
    other_spellings(&fixture, &forger, help).await?;
    let mut forged = forger.clone();
    forged.header["alg"] = "HS512".into();
    fixture.refused("a token signed with HS512", &forged.with_sha512(), help).await?;
    fixture
        .refused("an HS256 token with \"alg\":\"HS512\"", &forged.token(), help)
        .await?;
    let mut forged = forger.clone();
    forged.header.as_object_mut().and_then(|header| header.remove("alg"));
    fixture.refused("a token without \"alg\"", &forged.token(), help).await?;
    critical_extensions(&fixture, &forger).await
}

/// Values of `alg` that are not HS256, in tokens with a valid HMAC-SHA256 signature. The
/// comparison is exact (RFC 7515 §4.1.1).
async fn other_spellings(
    fixture: &Fixture<'_>,
    forger: &Forger,
    help: &str,
) -> CheckResult {
    let texts =
        ["hs256", "Hs256", "HS256 ", " HS256", "HS256\u{0}", "HS-256", "HS2560", "HS25"];
    let others = [json!(["HS256"]), json!({ "HS256": true }), json!(256), json!(true)];
    for alg in texts.map(Value::from).into_iter().chain(others) {
        let mut forged = forger.clone();
        forged.header["alg"] = alg.clone();
        let what = format!("a signed token with \"alg\":{alg}");
        fixture.refused(&what, &forged.token(), help).await?;
    }
    let mut forged = forger.clone();
    forged.header = json!([forger.header]);
    fixture
        .refused("a signed token with a list as its header", &forged.token(), help)
        .await
}

async fn critical_extensions(fixture: &Fixture<'_>, forger: &Forger) -> CheckResult {
    let help = "\"crit\" lists extensions that a verifier must understand, or it must \
                reject the token. Your program understands none (RFC 7515 §4.1.11)";
    for crit in [json!(["lab"]), json!(["exp"]), json!([]), json!("lab"), json!({})] {
        let mut critical = forger.clone();
        critical.header["crit"] = crit.clone();
        critical.header["lab"] = true.into();
        let what = format!("a token with the critical extensions {crit}");
        fixture.refused(&what, &critical.token(), help).await?;
    }
    Ok(())
}
