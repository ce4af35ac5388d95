//! Task 1: a short life that is renewed, by a token that is good once.

use super::{FOR_EVER, Pair, refresh, start};
use futures_util::future::join_all;
use grader::{Exam, Outcome, Stop, require};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(900);

/// Refreshes that are sent together, and how often.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 4;

pub(super) async fn a_refresh_renews_a_short_life(exam: &Exam) -> Outcome {
    let short = SHORT.as_millis().to_string();
    let args = ["--revocation", "short-lived", "--short-ms", &short];
    let args = [&args[..], &["--access-ms", FOR_EVER]].concat();
    let (one, other) = (exam.start(&args).await?, exam.start(&args).await?);
    let pair = Pair::login(exam, &one, &exam.user()).await?;
    alive_while_young(&pair, &other).await?;
    let rest = Duration::from_millis(exam.number(20, 200));
    tokio::time::sleep((pair.born.1 + SHORT + rest).duration_since(pair.born.1)).await;
    exam.say(format!("… {:.1} s later", (SHORT + rest).as_secs_f64()));
    let help = "in this mode an access token lives for `lives.short`. Which function says \
                how long a new one lives?";
    pair.is_dead(&one, help).await?;
    let help =
        "the refresh token outlives many access tokens, and every replica takes it";
    let next = pair.next(&other, help).await?;
    alive_while_young(&next, &one).await
}

/// The token is good, unless this machine took so long that it may have expired.
async fn alive_while_young(pair: &Pair<'_>, at: &grader::Replica) -> Outcome {
    let reply = pair.whoami(at).await?;
    if reply.status == 401 && reply.at.1 - pair.born.0 >= SHORT {
        return Err(Stop::unsure("this machine was too busy: the token had expired"));
    }
    reply.expect(200, "a new access token is good, on every replica").map(drop)
}

pub(super) async fn a_refresh_token_is_good_once(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "none").await?, start(exam, "none").await?);
    let first = Pair::login(exam, &one, &exam.user()).await?;
    let made_up = refresh(exam, &one, &exam.word()).await?;
    made_up.expect(401, "nobody gave out this refresh token")?;
    let help = "a refresh gives a new pair of tokens";
    let second = first.next(&other, help).await?;
    let help = "each refresh gives a new refresh token: one that stays the same is a \
                password that somebody else made";
    let actual = format!("again {}", first.refresh);
    require(first.refresh != second.refresh, "a new refresh token", actual, help)?;
    let help = "what came with the refresh has to be good: is it written down under the \
                token that was given out?";
    second.is_good(&one, help).await?;
    let third = second.next(&one, help).await?;
    let help = "this one has been used. Who else may have a copy of it?";
    second.is_not_renewed(&other, help).await?;
    require(
        third.refresh != first.refresh,
        "a new one each time",
        "the first again",
        help,
    )
}

pub(super) async fn of_refreshes_at_once_one_wins(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "none").await?, start(exam, "none").await?);
    for _ in 0..ROUNDS {
        let pair = Pair::login(exam, &one, &exam.user()).await?;
        exam.say(format!(
            "{AT_ONCE} refreshes with this token, at once, on both replicas"
        ));
        exam.transcript().quiet(true);
        let at = |n: usize| if n.is_multiple_of(2) { &one } else { &other };
        let replies = join_all((0..AT_ONCE).map(|n| pair.refresh(at(n)))).await;
        exam.transcript().quiet(false);
        let mut won = 0;
        for reply in replies {
            let reply = reply?;
            match reply.status.as_u16() {
                200 => won += 1,
                _ => drop(reply.expect(401, "a refresh gives 200 or 401 here")?),
            }
        }
        let help = "two replicas look at the same moment: is the token still good? Both see \
                    yes. Looking and changing have to be one step, in Redis";
        let actual = format!("{won} got a new pair");
        require(won == 1, "exactly 1 gets a new pair", actual, help)?;
    }
    Ok(())
}
