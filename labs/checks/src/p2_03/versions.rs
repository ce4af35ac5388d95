//! Task 4: a token version for each user.

use super::fixture::{Pair, start};
use grader::{CheckContext, CheckResult};

pub(super) async fn new_version_ends_all_sessions_of_a_user(
    ctx: &CheckContext,
) -> CheckResult {
    let one = start(ctx, "token-version").await?;
    let other = start(ctx, "token-version").await?;
    let (user, replicas) = (ctx.random_user(), [one.clone(), other.clone()]);
    let other_user = Pair::login(ctx, &one, &ctx.random_user()).await?;
    // Twice, because the second time the version is no longer the initial one.
    for _ in 0..2 {
        let mut all = Vec::new();
        for _ in 0..ctx.random_number(2, 4) {
            all.push(Pair::login(ctx, ctx.choose(&replicas), &user).await?);
        }
        let help = "a login after \"log out everywhere\" creates a new session: which \
                    version does its token contain?";
        all[0].is_good(&other, help).await?;
        let ended = all[0].end(ctx.choose(&replicas), "/api/logout-everywhere").await?;
        ended.expect(204, "the finished part answers 204")?;
        for pair in &all {
            let help = "each token contains the user's version at the login. What is the \
                        user's version now?";
            pair.is_dead(&one, help).await?;
            pair.is_dead(&other, help).await?;
            let help = "the finished part compares the session's version with \
                        `version(…)` at each refresh";
            pair.is_not_renewed(ctx.choose(&replicas), help).await?;
        }
        let help = "each user has a separate version: other users stay logged in";
        other_user.is_good(&other, help).await?;
    }
    let help = "each user has a separate version: other users stay logged in";
    other_user.next(&other, help).await.map(drop)
}
