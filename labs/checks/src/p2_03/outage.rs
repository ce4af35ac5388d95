//! Task 5: during a Redis outage, revocations cannot be read, and the program must not
//! guess.

use super::fixture::{Pair, login, start};
use crate::redis_probe::RedisProbe;
use grader::{CheckContext, CheckError, CheckResult};
use std::time::{Duration, Instant};

/// Maximum time until a replica uses Redis again.
const RECOVERY: Duration = Duration::from_secs(15);

pub(super) async fn unknown_revocation_state_returns_503(
    ctx: &CheckContext,
) -> CheckResult {
    let list = start(ctx, "deny-list").await?;
    let version = start(ctx, "token-version").await?;
    let stateless = start(ctx, "none").await?;
    let pair = Pair::login(ctx, &list, &ctx.random_user()).await?;
    for replica in [&list, &version, &stateless] {
        pair.is_good(replica, "this token was not revoked").await?;
    }
    let redis = RedisProbe::of(ctx)?;
    redis.kill().await?;
    for replica in [&list, &version] {
        let help = "the replica cannot read whether this token is revoked. 200 could \
                    accept a stolen token; 401 would log out every user and suggest a \
                    login, which would fail as well. The finished part answers 503 for \
                    each error of Redis";
        pair.whoami(replica).await?.expect(503, help)?;
    }
    let help = "this mode needs no store to verify a token. What are its cost and its \
                benefit?";
    pair.is_good(&stateless, help).await?;
    let help = "a refresh that is not stored could be used a second time";
    pair.refresh(&stateless).await?.expect(503, help)?;
    let help = "204 confirms that the session has ended. Has it?";
    pair.end(&stateless, "/api/logout").await?.expect(503, help)?;
    pair.end(&stateless, "/api/logout-everywhere").await?.expect(503, help)?;
    let help = "which version would a token get that is issued now?";
    login(ctx, &stateless, &ctx.random_user()).await?.expect(503, help)?;

    redis.restart().await?;
    is_good_again(&pair, &list).await?;
    is_good_again(&pair, &version).await
}

async fn is_good_again(pair: &Pair<'_>, at: &grader::Replica) -> CheckResult {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let reply = pair.whoami(at).await?;
        if reply.status == 503 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        let help = "this token was not revoked";
        return reply.expect(200, help).map(drop).map_err(slow);
    }
}

/// A late recovery can be caused by a busy machine, so it counts only if it happens
/// twice.
fn slow(stop: CheckError) -> CheckError {
    match stop {
        CheckError::Failed(failed) if failed.actual.starts_with("503") => {
            CheckError::timed_out(failed.expected, failed.actual, failed.help)
        }
        stop => stop,
    }
}
