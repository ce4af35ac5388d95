//! What a cart has to survive: replicas that are restarted or killed, and a Redis that
//! forgets or is gone.

use super::Cart;
use crate::redis_seen::RedisSeen;
use anyhow::Context;
use futures_util::future::join_all;
use grader::{Exam, Outcome, Replica, Stop, What, require};
use std::time::Duration;

/// Enough for a write that nobody waits for.
const LATER: Duration = Duration::from_millis(400);

/// Two replicas, and a cart with something in it.
async fn filled<'a>(
    exam: &'a Exam,
    help: &str,
) -> Result<(Replica, Replica, Cart<'a>), Stop> {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let mut cart = Cart::new(exam);
    for replica in [&r1, &r2, &r1] {
        cart.add(replica, &exam.word(), help).await?;
    }
    Ok((r1, r2, cart))
}

pub(super) async fn a_restart_of_every_replica_loses_nothing(exam: &Exam) -> Outcome {
    let help = "what is still there when no process of yours is?";
    let (r1, r2, mut cart) = filled(exam, help).await?;
    for replica in [&r1, &r2] {
        replica.terminate().await?;
        replica.restart().await?;
        cart.is_whole(replica, help).await?;
    }
    r1.kill().await;
    r2.kill().await;
    r1.restart().await?;
    cart.add(&r1, &exam.word(), help).await?;
    cart.is_whole(&r1, help).await
}

pub(super) async fn nothing_in_redis_stays_for_ever(exam: &Exam) -> Outcome {
    let help = "most carts are left behind by people who never come back. Who would ever \
                remove them?";
    let (r1, r2, mut cart) = filled(exam, help).await?;
    cart.is_whole(&r1, help).await?;
    cart.add(&r2, &exam.word(), help).await?;
    cart.is_whole(&r2, help).await?;
    RedisSeen::of(exam)?.nothing_stays_for_ever(help).await
}

pub(super) async fn an_empty_redis_loses_nothing(exam: &Exam) -> Outcome {
    let help = "Redis knew it. Who else?";
    let redis = RedisSeen::of(exam)?;
    let (r1, r2, mut cart) = filled(exam, help).await?;
    cart.is_whole(&r2, help).await?;
    // What is written a little later is the lesson of the next check.
    tokio::time::sleep(LATER).await;
    redis.empty().await?;
    for replica in [&r1, &r2] {
        cart.is_whole(replica, help).await?;
        cart.add(replica, &exam.word(), help).await?;
    }
    tokio::time::sleep(LATER).await;
    redis.empty().await?;
    cart.is_whole(&r1, help).await
}

pub(super) async fn a_dead_redis_stops_nobody(exam: &Exam) -> Outcome {
    let help = "the database has the truth, and it is well. What is Redis needed for?";
    let redis = RedisSeen::of(exam)?;
    let (r1, r2, mut cart) = filled(exam, help).await?;
    redis.kill().await?;
    cart.is_whole(&r1, help).await?;
    cart.add(&r2, &exam.word(), help).await?;
    cart.is_whole(&r1, help).await?;
    r2.kill().await;
    r2.restart().await?;
    cart.is_whole(&r2, help).await?;
    redis.restart().await?;
    let help = "what Redis still has is from before it died: it may know less than the \
                truth, never something else";
    cart.is_whole(&r1, help).await?;
    cart.is_whole(&r2, help).await
}

/// The replica dies as soon as the last answer is there, and so does whatever it meant to
/// write later.
pub(super) async fn what_was_acknowledged_survives_a_crash(exam: &Exam) -> Outcome {
    let (r1, r2) = (exam.start(&[]).await?, exam.start(&[]).await?);
    let redis = RedisSeen::of(exam)?;
    let mut cart = Cart::new(exam);
    let wishes: Vec<_> =
        (0..exam.number(16, 24)).map(|_| (exam.word(), exam.word())).collect();
    exam.say(format!("{} items at the same time, all at r1", wishes.len()));
    let adds = wishes.iter().map(|(item, key)| cart.wish(&r1.url(), item, 1, key));
    let replies = join_all(adds.map(|add| add.unseen().try_send())).await;
    r1.kill().await;
    redis.empty().await?;
    for ((item, _), reply) in wishes.iter().zip(replies) {
        if reply?.is_ok_and(|reply| reply.status == 201) {
            cart.note(item, 1);
        }
    }
    exam.say(format!("{} of them were answered with 201", cart.items.len()));
    require(
        !cart.items.is_empty(),
        "some items that are added",
        "none was answered with 201",
        "look at what the program wrote: why does `add` fail?",
    )?;
    let help = "201 is a promise. What has to have happened before it is given, and what may \
                still be under way when the process dies?";
    let (seen, _) = cart.seen(&r2, help).await?;
    let lost = cart.items.keys().filter(|item| !seen.contains_key(*item)).count();
    let expected = "every item that was answered with 201";
    require(lost == 0, expected, format!("{lost} of {} lost", cart.items.len()), help)
}

/// A cart that survives in a file somewhere would survive all of the above on one machine.
pub(super) async fn the_truth_is_in_the_database(exam: &Exam) -> Outcome {
    let help = "every store but the database is lost one day";
    let (_r1, _r2, cart) = filled(exam, help).await?;
    let url = &exam.service(What::Database)?.url;
    let file = url.trim_start_matches("sqlite://").split('?').next().unwrap_or_default();
    let mut text = std::fs::read(file).context("cannot read the database")?;
    // What was written last is in the log beside it; there may be none.
    text.extend(std::fs::read(format!("{file}-wal")).unwrap_or_default());
    let held = |item: &str| text.windows(item.len()).any(|part| part == item.as_bytes());
    let missing = cart.items.keys().find(|item| !held(item));
    let actual = missing.map(|item| format!("{item} is not in it")).unwrap_or_default();
    let expected = "each item in the database's file";
    require(missing.is_none(), expected, actual, help)
}
