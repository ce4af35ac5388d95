//! Task 2: reuse of a refresh token ends its family. Redis must not contain a token.

use super::fixture::{Pair, start};
use crate::redis_probe::RedisProbe;
use grader::transcript::shortened;
use grader::{CheckContext, CheckResult, require};

pub(super) async fn a_second_use_ends_the_family(ctx: &CheckContext) -> CheckResult {
    let (one, other) = (start(ctx, "none").await?, start(ctx, "none").await?);
    let user = ctx.random_user();
    let laptop = Pair::login(ctx, &one, &user).await?;
    let phone = Pair::login(ctx, &other, &user).await?;
    let (mut line, replicas) = (vec![laptop], [one, other]);
    for _ in 0..ctx.random_number(2, 5) {
        let last = &line[line.len() - 1];
        line.push(
            last.next(ctx.choose(&replicas), "a new refresh token must be accepted")
                .await?,
        );
    }
    let used = &line[ctx.random_number(0, line.len() as u64 - 1) as usize];
    ctx.note("⚡ a copy of a used refresh token is presented");
    let [one, other] = replicas;
    used.is_not_renewed(&other, "a used refresh token must be rejected").await?;
    let help = "two parties have tokens of this family, and the server cannot detect \
                which is the thief: all its tokens must be rejected, including the \
                newest. How do you find the family of an old token?";
    line[line.len() - 1].is_not_renewed(&one, help).await?;
    let help = "another login of the same user is another family and must stay valid";
    let phone = phone.next(&one, help).await?;
    phone.next(&other, help).await.map(drop)
}

/// A dump of Redis must not allow a refresh. Typical causes: the token is a key or part
/// of a value.
pub(super) async fn redis_holds_no_refresh_token(ctx: &CheckContext) -> CheckResult {
    let server = start(ctx, "deny-list").await?;
    let first = Pair::login(ctx, &server, &ctx.random_user()).await?;
    let second = first.next(&server, "a new refresh token must be accepted").await?;
    let contents = RedisProbe::of(ctx)?.contents().await?;
    ctx.note(format!("read Redis: {} keys", contents.len()));
    let help = "backups, monitoring and attackers can read Redis. Which value identifies \
                a token and cannot be used as one?";
    for pair in [&first, &second] {
        for secret in [&pair.refresh, &pair.access] {
            let spelt = |(key, words): &&(String, String)| {
                spells(&format!("{key}: {words}"), secret)
            };
            let found = contents.iter().find(spelt);
            let key = found.map_or("", |(key, _)| key.as_str());
            let actual = format!("the key {} contains it", shortened(key));
            require(found.is_none(), "no token in Redis", actual, help)?;
        }
    }
    Ok(())
}

/// Whether the line contains all parts of a secret. The family's id alone is not secret.
fn spells(line: &str, secret: &str) -> bool {
    let mut parts = secret.split(['.', ':']).filter(|part| part.len() >= 8).peekable();
    parts.peek().is_some() && parts.all(|part| line.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_id_is_allowed_and_secret_is_detected() {
        assert!(!spells("family:0123456789: current abcdef", "0123456789.9876543210"));
        assert!(spells("refresh:0123456789: 9876543210", "0123456789.9876543210"));
        assert!(!spells("family:1: x", "short"));
    }
}
