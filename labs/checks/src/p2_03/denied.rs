//! Task 3: the deny list. It counts everywhere, forgets nothing too early, and does not
//! grow for ever.

use super::{Pair, start};
use crate::redis_seen::{FOR_EVER, NOT_THERE, RedisSeen};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grader::transcript::shortened;
use grader::{Exam, Outcome, Stop, require};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old a token becomes before it is ended, so that the rest of its life is not all of
/// it; and its life.
const AGE: Duration = Duration::from_millis(1700);
const LIFE: Duration = Duration::from_secs(120);

/// Milliseconds by which an entry may outlive its token: whole seconds are fine.
const ROUNDED: i64 = 1000;

/// Milliseconds by which clocks and fractions may differ.
const BLUR: i64 = 20;

pub(super) async fn a_logout_counts_on_every_replica(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "deny-list").await?, start(exam, "deny-list").await?);
    let user = exam.user();
    let laptop = Pair::login(exam, &one, &user).await?;
    let phone = Pair::login(exam, &other, &user).await?;
    let somebody = Pair::login(exam, &one, &exam.user()).await?;
    laptop.is_good(&other, "a new access token is good, on every replica").await?;
    let replicas = [one, other];
    let at = exam.one_of(&replicas);
    laptop.end(at, "/api/logout").await?.expect(204, "the finished part answers 204")?;
    for replica in &replicas {
        let help = "after a logout this token is worth nothing, on every replica. Where \
                    does a replica look that did not see the logout?";
        laptop.is_dead(replica, help).await?;
        let help = "a logout ends one session, and no other";
        phone.is_good(replica, help).await?;
        somebody.is_good(replica, help).await?;
    }
    let help = "whoever holds the refresh token of an ended session must not get a new \
                access token. How does `end` find it from the `sid`?";
    laptop.is_not_renewed(&replicas[1], help).await?;
    phone.next(&replicas[0], "a logout ends one session, and no other").await.map(drop)
}

pub(super) async fn a_denied_token_is_remembered_until_it_expires(
    exam: &Exam,
) -> Outcome {
    let life = LIFE.as_millis().to_string();
    let server = exam.start(&["--revocation", "deny-list", "--access-ms", &life]).await?;
    let pair = Pair::login(exam, &server, &exam.user()).await?;
    let claims = claims(&pair.access)?;
    let wait = AGE + Duration::from_millis(exam.number(0, 300));
    tokio::time::sleep(wait).await;
    exam.say(format!("… {:.1} s later", wait.as_secs_f64()));
    let ended = pair.end(&server, "/api/logout").await?;
    let took = i64::try_from((ended.at.1 - ended.at.0).as_millis()).unwrap_or(i64::MAX);
    ended.expect(204, "the finished part answers 204")?;
    if took > 400 {
        return Err(Stop::unsure("this machine was too busy: the logout took too long"));
    }
    let key = format!("denied:{}", claims.jti);
    let redis = RedisSeen::of(exam)?;
    let before = now();
    let rest = redis.life(&key).await?;
    let after = now();
    exam.say(format!("$ redis-cli PTTL {key}"));
    exam.say(format!("  {rest} ms; the token has {} ms left", claims.exp - after));
    let help = "the entry is `denied:` and the `jti`, and Redis can forget it by itself";
    require(rest != NOT_THERE, "an entry in the deny list", "there is none", help)?;
    let help = "an entry without an end stays for ever, and there is one for each logout";
    require(rest != FOR_EVER, "an entry that ends", "it never ends", help)?;
    let help = "an entry that ends before its token does: what is the token then?";
    let least = claims.exp - after - BLUR;
    let actual = format!("it ends {} ms before its token", claims.exp - before - rest);
    require(rest >= least, "an entry that lasts as long as its token", actual, help)?;
    let help = "after its end the token is refused without any list. How much of its life \
                is left at the logout?";
    let most = claims.exp - before + took + ROUNDED + BLUR;
    let actual = format!("it outlives its token by {} ms", rest - (claims.exp - after));
    require(rest <= most, "an entry that ends with its token", actual, help)
}

pub(super) async fn what_is_revoked_survives_every_replica(exam: &Exam) -> Outcome {
    let list = start(exam, "deny-list").await?;
    let version = start(exam, "token-version").await?;
    let out = Pair::login(exam, &list, &exam.user()).await?;
    let gone = Pair::login(exam, &version, &exam.user()).await?;
    let stays = Pair::login(exam, &list, &exam.user()).await?;
    out.end(&list, "/api/logout").await?.expect(204, "the finished part answers 204")?;
    out.is_dead(&list, "a logout ends this token").await?;
    let ended = gone.end(&version, "/api/logout-everywhere").await?;
    ended.expect(204, "the finished part answers 204")?;
    for replica in [&list, &version] {
        replica.kill().await;
        replica.restart().await?;
    }
    let help = "no process that saw the end of this token is left. Who remembers it?";
    out.is_dead(&list, help).await?;
    gone.is_dead(&version, help).await?;
    let help = "nobody ended this one: a restart must not either";
    stays.is_good(&list, help).await?;
    stays.is_good(&version, help).await
}

struct Claims {
    jti: String,
    /// In milliseconds since 1970.
    exp: i64,
}

/// What the token says; the signature is the program's business.
fn claims(token: &str) -> Result<Claims, Stop> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let help = "an access token is a JWS in three parts, as the finished part makes it";
    let readable = claims.is_object();
    require(readable, "a token whose second part is JSON", shortened(token), help)?;
    let jti = claims["jti"].as_str().unwrap_or_default().to_owned();
    Ok(Claims { jti, exp: in_milliseconds(claims["exp"].as_f64().unwrap_or_default()) })
}

/// A token can state any time: differences of such do not overflow.
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
    fn whatever_time_a_token_states_can_be_reckoned_with() {
        assert_eq!(in_milliseconds(1.5), 1500);
        for odd in [f64::MAX, f64::MIN, f64::NAN, f64::INFINITY] {
            assert!((0..=1_000_000_000_000_000).contains(&in_milliseconds(odd)));
        }
    }

    #[test]
    fn a_token_that_cannot_be_read_is_its_programs_fault() {
        assert!(matches!(claims("no token"), Err(Stop::Failed(_))));
    }
}
