//! A revoked token is refused on every replica, after any failure of Redis, and in every
//! encoding.

use crate::security::forge::{TokenProbe, TokenSigner, log_in, parts};
use crate::security::test_app::TestApp;
use crate::stores::{StoreKind, flush};
use anyhow::Context;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use client::Credential;
use serde_json::Value;

/// Item 23. When the revocation is acknowledged, no replica accepts the token any more.
/// This stays so when Redis is flushed, killed and restarted. Other tokens stay valid.
#[tokio::test]
async fn revoked_token_stays_refused_across_redis_failures() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let client = app.client();
    let (access, refresh_token) = log_in(&client, &app.alice).await?;
    let (other, other_refresh_token) = log_in(&client, &app.alice).await?;
    let (revoked, other_revoked) =
        (Credential::Bearer(access.clone()), Credential::Bearer(other.clone()));
    let valid = Credential::Bearer(log_in(&client, &app.bob).await?.0);
    for credential in [&revoked, &other_revoked, &valid] {
        app.all_accept(credential).await?;
    }
    app.replica(0).client().revoke(&access).await.done()?;
    app.all_refuse(&revoked, ProblemKind::TokenInvalid).await?;
    client.refresh(&refresh_token).await.refused_as(ProblemKind::TokenInvalid)?;
    app.all_accept(&other_revoked).await.context("another login of the same account")?;
    app.replica(1).client().revoke(&other_refresh_token).await.done()?;

    let check_both_revoked = async || {
        app.all_refuse(&revoked, ProblemKind::TokenInvalid).await?;
        app.all_refuse(&other_revoked, ProblemKind::TokenInvalid).await?;
        app.all_accept(&valid).await
    };
    check_both_revoked().await?;
    flush(app.redis()).await?;
    check_both_revoked().await.context("after FLUSHALL")?;
    app.redis().kill9().await?;
    check_both_revoked().await.context("without Redis")?;
    app.redis().restart().await?;
    check_both_revoked().await.context("with a new Redis")
}

/// Item 23. A token revoked during a pause of Redis stays refused afterwards.
#[tokio::test]
async fn token_revoked_during_a_redis_pause_stays_refused() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let (access, _) = log_in(&app.client(), &app.alice).await?;
    let credential = Credential::Bearer(access.clone());
    app.all_accept(&credential).await?;
    app.redis().pause().await?;
    app.replica(0).client().revoke(&access).await.done()?;
    app.all_refuse(&credential, ProblemKind::TokenInvalid)
        .await
        .context("Redis hangs")?;
    app.redis().resume().await?;
    for _ in 0..10 {
        app.all_refuse(&credential, ProblemKind::TokenInvalid)
            .await
            .context("after the pause")?;
    }
    Ok(())
}

/// RFC 7009 §2.2. With versions alone a logout ends every login of the user. So a token of an
/// ended login must not count again.
#[tokio::test]
async fn token_revoked_again_ends_no_later_login() -> anyhow::Result<()> {
    let more = ["--revocation", "token-version"];
    let app = TestApp::new(StoreKind::Embedded, "token", &more).await?;
    let client = app.client();
    let (access, refresh_token) = log_in(&client, &app.alice).await?;
    client.revoke(&access).await.done()?;
    let ended = Credential::Bearer(access.clone());
    app.all_refuse(&ended, ProblemKind::TokenInvalid).await?;
    let (later, later_refresh_token) = log_in(&client, &app.alice).await?;
    for old in [&access, &refresh_token] {
        client.revoke(old).await.done()?;
    }
    let later = Credential::Bearer(later);
    app.all_accept(&later).await.context("the later login")?;
    let next = client.refresh(&later_refresh_token).await.done()?.body.access_token;
    client.revoke(&later_refresh_token).await.done()?;
    app.all_refuse(&later, ProblemKind::TokenInvalid).await?;
    app.all_refuse(&Credential::Bearer(next), ProblemKind::TokenInvalid).await
}

/// Item 23. A token has one encoding. Where the signature permits another (header members
/// in another order), the deny list finds the token by its id.
#[tokio::test]
async fn revoked_token_is_refused_in_every_encoding() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "token", &[]).await?;
    let (probe, signer) =
        (TokenProbe::of(&app).await?, TokenSigner::of(&app.stores).await?);
    let (genuine, _) = log_in(&app.client(), &app.alice).await?;
    for encoding in reencoded(genuine.expose())? {
        probe.refuses(&encoding).await.context("another encoding of a valid token")?;
    }
    let (header, claims, _) = parts(&genuine)?;
    let resigned = |order: [&str; 3]| {
        let members = order.map(|name| format!("\"{name}\": {}", header[name]));
        signer.sign(format!("{{ {} }}", members.join(",\n")), reversed(&claims))
    };
    let one = resigned(["kid", "typ", "alg"])?;
    let other = resigned(["typ", "kid", "alg"])?;
    for live in [genuine.expose(), &one, &other] {
        probe.accepts(live).await.context("signed by the real key")?;
    }
    // Revoked in one encoding, refused in all.
    app.client().revoke(&Secret::new(one.clone())).await.done()?;
    for revoked in [genuine.expose(), &one, &other] {
        probe.refuses(revoked).await?;
        for encoding in reencoded(revoked)? {
            probe.refuses(&encoding).await?;
        }
    }
    Ok(())
}

/// The same bits in other encodings: padding, line ends, unused bits that are not zero,
/// the other alphabet.
fn reencoded(token: &str) -> anyhow::Result<Vec<String>> {
    let (message, signature) = token.rsplit_once('.').context("dots")?;
    let (header, claims) = message.split_once('.').context("dots")?;
    let mut encodings = vec![
        format!("{token}="),
        format!("{token}=="),
        format!("{message}.{signature}%3D"),
        format!("{header}==.{claims}.{signature}"),
        format!("{header}.{claims}==.{signature}"),
    ];
    for part in [header, claims, signature] {
        if let Some(changed) = set_unused_bits(part) {
            encodings.push(token.replacen(part, &changed, 1));
        }
    }
    let other_alphabet = token.replace('-', "+").replace('_', "/");
    if other_alphabet != token {
        encodings.push(other_alphabet);
    }
    Ok(encodings)
}

/// The last letter of base64 may have unused bits; ours are zero.
fn set_unused_bits(part: &str) -> Option<String> {
    const LETTERS: &str =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (all, last) = part.split_at(part.len() - 1);
    let at = LETTERS.find(last)?;
    let has_unused_bits = !part.len().is_multiple_of(4);
    has_unused_bits.then(|| format!("{all}{}", &LETTERS[at + 1..at + 2]))
}

/// The same claims in reverse order.
fn reversed(claims: &Value) -> String {
    let members = claims.as_object().into_iter().flatten();
    let mut texts: Vec<_> =
        members.map(|(name, it)| format!("\"{name}\":{it}")).collect();
    texts.reverse();
    format!("{{{}}}", texts.join(","))
}
