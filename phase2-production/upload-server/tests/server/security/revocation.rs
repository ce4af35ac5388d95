//! A token that was revoked is dead: on every replica, whatever becomes of Redis, and
//! however it is spelled.

use crate::on::Stores;
use crate::security::forge::{Border, Mint, log_in, parts, refresh, revoke};
use crate::security::people::Town;
use anyhow::Context;
use api_conformance::proof::Proof;
use api_contract::problem::ProblemKind;
use api_contract::secret::Secret;
use serde_json::Value;

async fn flush(town: &Town) -> anyhow::Result<()> {
    let client = redis::Client::open(town.redis().url.as_str())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    Ok(redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await?)
}

/// Item 23. When the revocation is answered, no replica takes the token any more, and
/// that stays so when Redis is emptied, gone, and back. What was not revoked lives.
#[tokio::test]
async fn a_revoked_token_is_dead_everywhere_whatever_becomes_of_redis()
-> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "token", &[]).await?;
    let client = town.client();
    let (access, renewal) = log_in(&client, &town.alice).await?;
    let (other, other_renewal) = log_in(&client, &town.alice).await?;
    let (dead, ended) = (Proof::Bearer(access.clone()), Proof::Bearer(other.clone()));
    let alive = Proof::Bearer(log_in(&client, &town.bob).await?.0);
    for proof in [&dead, &ended, &alive] {
        town.accept(proof).await?;
    }
    revoke(&town.replica(0).client(), &access).await.done()?;
    town.refuse(&dead, ProblemKind::TokenInvalid).await?;
    refresh(&client, &renewal).await.refused_as(ProblemKind::TokenInvalid)?;
    town.accept(&ended).await.context("another login of the same person")?;
    revoke(&town.replica(1).client(), &other_renewal).await.done()?;

    let both_are_dead = async || {
        town.refuse(&dead, ProblemKind::TokenInvalid).await?;
        town.refuse(&ended, ProblemKind::TokenInvalid).await?;
        town.accept(&alive).await
    };
    both_are_dead().await?;
    flush(&town).await?;
    both_are_dead().await.context("after FLUSHALL")?;
    town.redis().kill9().await?;
    both_are_dead().await.context("without Redis")?;
    town.redis().restart().await?;
    both_are_dead().await.context("with a new Redis")
}

/// Item 23. Revoked while Redis is away, it is dead when Redis is back.
#[tokio::test]
async fn a_token_that_is_revoked_without_redis_stays_dead_with_it() -> anyhow::Result<()>
{
    let town = Town::new(Stores::Real, "token", &[]).await?;
    let (access, _) = log_in(&town.client(), &town.alice).await?;
    let proof = Proof::Bearer(access.clone());
    town.accept(&proof).await?;
    town.redis().pause().await?;
    revoke(&town.replica(0).client(), &access).await.done()?;
    town.refuse(&proof, ProblemKind::TokenInvalid).await.context("Redis hangs")?;
    town.redis().resume().await?;
    for _ in 0..10 {
        town.refuse(&proof, ProblemKind::TokenInvalid).await.context("it is back")?;
    }
    Ok(())
}

/// Item 23. A token has one spelling; where the signature allows another (the header's
/// members in another order), the deny list knows the token by its name.
#[tokio::test]
async fn a_revoked_token_is_dead_in_every_spelling() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "token", &[]).await?;
    let (border, mint) = (Border::of(&town).await?, Mint::of(&town.world).await?);
    let (genuine, _) = log_in(&town.client(), &town.alice).await?;
    for spelling in respelled(genuine.expose())? {
        border.refuses(&spelling).await.context("another spelling of a live token")?;
    }
    let (header, claims, _) = parts(&genuine)?;
    let signed_anew = |order: [&str; 3]| {
        let members = order.map(|name| format!("\"{name}\": {}", header[name]));
        mint.sign(format!("{{ {} }}", members.join(",\n")), reversed(&claims))
    };
    let one = signed_anew(["kid", "typ", "alg"])?;
    let other = signed_anew(["typ", "kid", "alg"])?;
    for live in [genuine.expose(), &one, &other] {
        border.accepts(live).await.context("each is signed by the real key")?;
    }
    // It is ended in one spelling, and dead in all.
    revoke(&town.client(), &Secret::new(one.clone())).await.done()?;
    for dead in [genuine.expose(), &one, &other] {
        border.refuses(dead).await?;
        for spelling in respelled(dead)? {
            border.refuses(&spelling).await?;
        }
    }
    Ok(())
}

/// The same bits in other letters: padding, line ends, spare bits that are not zero, the
/// other alphabet.
fn respelled(token: &str) -> anyhow::Result<Vec<String>> {
    let (message, signature) = token.rsplit_once('.').context("dots")?;
    let (header, claims) = message.split_once('.').context("dots")?;
    let mut spellings = vec![
        format!("{token}="),
        format!("{token}=="),
        format!("{message}.{signature}%3D"),
        format!("{header}==.{claims}.{signature}"),
        format!("{header}.{claims}==.{signature}"),
    ];
    for part in [header, claims, signature] {
        if let Some(loose) = with_spare_bits(part) {
            spellings.push(token.replacen(part, &loose, 1));
        }
    }
    let other_alphabet = token.replace('-', "+").replace('_', "/");
    if other_alphabet != token {
        spellings.push(other_alphabet);
    }
    Ok(spellings)
}

/// The last letter of base64 may hold bits that say nothing; ours are zero.
fn with_spare_bits(part: &str) -> Option<String> {
    const LETTERS: &str =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (all, last) = part.split_at(part.len() - 1);
    let at = LETTERS.find(last)?;
    let says_nothing = !part.len().is_multiple_of(4);
    says_nothing.then(|| format!("{all}{}", &LETTERS[at + 1..at + 2]))
}

/// The same claims, the last first.
fn reversed(claims: &Value) -> String {
    let members = claims.as_object().into_iter().flatten();
    let mut texts: Vec<_> =
        members.map(|(name, it)| format!("\"{name}\":{it}")).collect();
    texts.reverse();
    format!("{{{}}}", texts.join(","))
}
