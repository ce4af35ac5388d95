//! Task 1: short-lived access tokens and one-time refresh tokens.

use super::fixture::{LONG_MS, Pair, refresh, start};
use futures_util::future::join_all;
use grader::{CheckContext, CheckError, CheckResult, require};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(900);

/// Number of concurrent refreshes, and of repetitions.
const CONCURRENT_REQUESTS: usize = 8;
const ROUNDS: usize = 8;

pub(super) async fn a_refresh_renews_a_short_life(ctx: &CheckContext) -> CheckResult {
    let short = SHORT.as_millis().to_string();
    let args = ["--revocation", "short-lived", "--short-ms", &short];
    let args = [&args[..], &["--access-ms", LONG_MS]].concat();
    let (one, other) = (ctx.start(&args).await?, ctx.start(&args).await?);
    let pair = Pair::login(ctx, &one, &ctx.random_user()).await?;
    alive_while_young(&pair, &other).await?;
    let rest = Duration::from_millis(ctx.random_number(20, 200));
    tokio::time::sleep((pair.born.1 + SHORT + rest).duration_since(pair.born.1)).await;
    ctx.note(format!("… {:.1} s later", (SHORT + rest).as_secs_f64()));
    let help = "in this mode an access token is valid for `lives.short`. Which function \
                returns the lifetime of a new token?";
    pair.is_dead(&one, help).await?;
    let help =
        "the refresh token outlives many access tokens, and every replica must accept it";
    let next = pair.next(&other, help).await?;
    alive_while_young(&next, &one).await
}

/// Requires that the token is accepted, unless the machine was so busy that it may have
/// expired.
async fn alive_while_young(pair: &Pair<'_>, at: &grader::Replica) -> CheckResult {
    let reply = pair.whoami(at).await?;
    if reply.status == 401 && reply.at.1 - pair.born.0 >= SHORT {
        return Err(CheckError::inconclusive(
            "this machine was too busy: the token had expired",
        ));
    }
    reply.expect(200, "every replica must accept a new access token").map(drop)
}

pub(super) async fn a_refresh_token_is_good_once(ctx: &CheckContext) -> CheckResult {
    let (one, other) = (start(ctx, "none").await?, start(ctx, "none").await?);
    let first = Pair::login(ctx, &one, &ctx.random_user()).await?;
    let made_up = refresh(ctx, &one, &ctx.random_word()).await?;
    made_up.expect(401, "this refresh token was never issued")?;
    let help = "a refresh returns a new pair of tokens";
    let second = first.next(&other, help).await?;
    let help = "each refresh must return a new refresh token. A refresh token that never \
                changes is a password";
    let actual = format!("{} again", first.refresh);
    require(first.refresh != second.refresh, "a new refresh token", actual, help)?;
    let help = "the new refresh token must be accepted: is the session stored under the \
                hash of the issued token?";
    second.is_good(&one, help).await?;
    let third = second.next(&one, help).await?;
    let help = "this refresh token has been used. Another party may have a copy of it";
    second.is_not_renewed(&other, help).await?;
    require(
        third.refresh != first.refresh,
        "a new one each time",
        "the first again",
        help,
    )
}

pub(super) async fn concurrent_refreshes_have_one_winner(
    ctx: &CheckContext,
) -> CheckResult {
    let (one, other) = (start(ctx, "none").await?, start(ctx, "none").await?);
    for _ in 0..ROUNDS {
        let pair = Pair::login(ctx, &one, &ctx.random_user()).await?;
        ctx.note(format!(
            "{CONCURRENT_REQUESTS} concurrent refreshes with this token, at both \
             replicas"
        ));
        ctx.transcript().quiet(true);
        let at = |n: usize| if n.is_multiple_of(2) { &one } else { &other };
        let replies =
            join_all((0..CONCURRENT_REQUESTS).map(|n| pair.refresh(at(n)))).await;
        ctx.transcript().quiet(false);
        let mut won = 0;
        for reply in replies {
            let reply = reply?;
            match reply.status.as_u16() {
                200 => won += 1,
                _ => drop(reply.expect(401, "a refresh gives 200 or 401 here")?),
            }
        }
        let help = "two replicas can check at the same moment that the token is unused. \
                    Checking and replacing must be one atomic step in Redis";
        let actual = format!("{won} got a new pair");
        require(won == 1, "exactly 1 gets a new pair", actual, help)?;
    }
    Ok(())
}
