//! Task 3: the deny list. It is effective on every replica, keeps an entry until its
//! token expires, and does not grow without limit.

use super::fixture::{Pair, start};
use crate::redis_probe::{MISSING, NO_EXPIRY, RedisProbe};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader::transcript::shortened;
use grader::{CheckContext, CheckError, CheckResult, require};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Age of a token at its logout, so that its remaining lifetime is shorter than its
/// lifetime.
const TOKEN_AGE: Duration = Duration::from_millis(1700);
const TOKEN_LIFETIME: Duration = Duration::from_secs(120);

/// Milliseconds by which an entry may outlive its token, because whole seconds are
/// acceptable.
const ROUNDING_TOLERANCE_MS: i64 = 1000;

/// Tolerance for clocks and rounding, in milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 20;

pub(super) async fn logout_is_effective_on_every_replica(
    ctx: &CheckContext,
) -> CheckResult {
    let (one, other) = (start(ctx, "deny-list").await?, start(ctx, "deny-list").await?);
    let user = ctx.random_user();
    let laptop = Pair::login(ctx, &one, &user).await?;
    let phone = Pair::login(ctx, &other, &user).await?;
    let other_user = Pair::login(ctx, &one, &ctx.random_user()).await?;
    laptop.is_good(&other, "every replica must accept a new access token").await?;
    let replicas = [one, other];
    let at = ctx.choose(&replicas);
    laptop.end(at, "/api/logout").await?.expect(204, "the finished part answers 204")?;
    for replica in &replicas {
        let help = "after a logout no replica may accept this token. Where does a \
                    replica look that did not process the logout?";
        laptop.is_dead(replica, help).await?;
        let help = "a logout ends one session only";
        phone.is_good(replica, help).await?;
        other_user.is_good(replica, help).await?;
    }
    let help = "the refresh token of an ended session must not give a new access token. \
                How does `end` find it by the `sid`?";
    laptop.is_not_renewed(&replicas[1], help).await?;
    phone.next(&replicas[0], "a logout ends one session only").await.map(drop)
}

pub(super) async fn denied_token_is_stored_until_it_expires(
    ctx: &CheckContext,
) -> CheckResult {
    let life = TOKEN_LIFETIME.as_millis().to_string();
    let server = ctx.start(&["--revocation", "deny-list", "--access-ms", &life]).await?;
    let pair = Pair::login(ctx, &server, &ctx.random_user()).await?;
    let claims = claims(&pair.access)?;
    let wait = TOKEN_AGE + Duration::from_millis(ctx.random_number(0, 300));
    tokio::time::sleep(wait).await;
    ctx.note(format!("… {:.1} s later", wait.as_secs_f64()));
    let ended = pair.end(&server, "/api/logout").await?;
    let took = i64::try_from((ended.at.1 - ended.at.0).as_millis()).unwrap_or(i64::MAX);
    ended.expect(204, "the finished part answers 204")?;
    if took > 400 {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the logout took too long",
        ));
    }
    let key = format!("denied:{}", claims.jti);
    let redis = RedisProbe::of(ctx)?;
    let before = now();
    let rest = redis.life(&key).await?;
    let after = now();
    ctx.note(format!("$ redis-cli PTTL {key}"));
    ctx.note(format!("  {rest} ms; the token expires in {} ms", claims.exp - after));
    let help = "the key of the entry is `denied:` and the `jti`";
    require(rest != MISSING, "an entry in the deny list", "there is none", help)?;
    let help = "an entry without expiry is never removed, and each logout adds one";
    require(rest != NO_EXPIRY, "an entry with an expiry", "it has no expiry", help)?;
    let help = "if the entry expires before its token, the token is accepted again";
    let least = claims.exp - after - CLOCK_TOLERANCE_MS;
    let actual = format!("it expires {} ms before its token", claims.exp - before - rest);
    require(rest >= least, "an entry that lasts as long as its token", actual, help)?;
    let help = "an expired token is rejected without the list. How much of its lifetime \
                remains at the logout?";
    let most = claims.exp - before + took + ROUNDING_TOLERANCE_MS + CLOCK_TOLERANCE_MS;
    let actual = format!("it outlives its token by {} ms", rest - (claims.exp - after));
    require(rest <= most, "an entry that expires with its token", actual, help)
}

pub(super) async fn revocations_survive_restarts_of_all_replicas(
    ctx: &CheckContext,
) -> CheckResult {
    let list = start(ctx, "deny-list").await?;
    let version = start(ctx, "token-version").await?;
    let out = Pair::login(ctx, &list, &ctx.random_user()).await?;
    let gone = Pair::login(ctx, &version, &ctx.random_user()).await?;
    let stays = Pair::login(ctx, &list, &ctx.random_user()).await?;
    out.end(&list, "/api/logout").await?.expect(204, "the finished part answers 204")?;
    out.is_dead(&list, "a logout ends this token").await?;
    let ended = gone.end(&version, "/api/logout-everywhere").await?;
    ended.expect(204, "the finished part answers 204")?;
    for replica in [&list, &version] {
        replica.kill().await;
        replica.restart().await?;
    }
    let help = "no process that handled the revocation is running any more. Where is it \
                stored?";
    out.is_dead(&list, help).await?;
    gone.is_dead(&version, help).await?;
    let help = "this token was not revoked: a restart must not end it";
    stays.is_good(&list, help).await?;
    stays.is_good(&version, help).await
}

struct Claims {
    jti: String,
    /// In milliseconds since 1970.
    exp: i64,
}

/// The claims of a token. The signature is not verified.
fn claims(token: &str) -> Result<Claims, CheckError> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let help =
        "an access token is a JWS with three parts, as the finished part creates it";
    let readable = claims.is_object();
    require(readable, "a token whose second part is JSON", shortened(token), help)?;
    let jti = claims["jti"].as_str().unwrap_or_default().to_owned();
    Ok(Claims { jti, exp: in_milliseconds(claims["exp"].as_f64().unwrap_or_default()) })
}

/// Seconds as milliseconds, limited so that differences do not overflow.
fn in_milliseconds(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is limited first")]
    let milliseconds = (seconds * 1000.0).clamp(0.0, 1e15) as i64;
    milliseconds
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_token_times_do_not_overflow() {
        assert_eq!(in_milliseconds(1.5), 1500);
        for odd in [f64::MAX, f64::MIN, f64::NAN, f64::INFINITY] {
            assert!((0..=1_000_000_000_000_000).contains(&in_milliseconds(odd)));
        }
    }

    #[test]
    fn unreadable_token_is_a_failure_of_the_program() {
        assert!(matches!(claims("no token"), Err(CheckError::Failed(_))));
    }
}
