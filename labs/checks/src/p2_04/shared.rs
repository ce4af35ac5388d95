//! Task 3: what one replica knows, all know; and a cache that is gone is no outage.

use super::{costs, database_reads, editor, start, two_prices, write};
use crate::redis_seen::{FOR_EVER, RedisSeen};
use grader::{Exam, Outcome, require};

pub(super) async fn what_one_reads_all_know(exam: &Exam) -> Outcome {
    let (one, other) =
        (start(exam, "shared", &[]).await?, start(exam, "shared", &[]).await?);
    let editor = editor(exam).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &editor, &item, old).await?;
    costs(exam, &one, &item, old, "it is in the database").await?;
    costs(exam, &other, &item, old, "it is in the database").await?;
    let reads = database_reads(exam, &other).await?;
    let help = "r1 has read this. Where would r2 find it, without asking the database?";
    require(reads == 0, "no database read of r2", format!("{reads}"), help)?;
    write(exam, &other, &item, new).await?;
    let help = "r2 has answered the write: nobody may read the old price after that";
    costs(exam, &one, &item, new, help).await?;
    costs(exam, &other, &item, new, help).await.map(drop)
}

pub(super) async fn a_cache_that_is_gone_is_no_outage(exam: &Exam) -> Outcome {
    let server = start(exam, "shared", &[]).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &server, &item, old).await?;
    costs(exam, &server, &item, old, "it is in the database").await?;
    RedisSeen::of(exam)?.kill().await?;
    let help = "the truth is in the database, and that answers: a cache makes it quick, and \
                no more";
    costs(exam, &server, &item, old, help).await?;
    write(exam, &server, &item, new).await?;
    costs(exam, &server, &item, new, help).await.map(drop)
}

/// Whatever stands in Redis has an end: prices, and what guards them.
pub(super) async fn nothing_in_redis_is_for_ever(exam: &Exam) -> Outcome {
    let server = start(exam, "shared", &[]).await?;
    for _ in 0..3 {
        let (item, (old, new)) = (exam.word(), two_prices(exam));
        write(exam, &server, &item, old).await?;
        costs(exam, &server, &item, old, "it is in the database").await?;
        write(exam, &server, &item, new).await?;
        costs(exam, &server, &item, new, "it is in the database").await?;
    }
    let help = "there is one for each name that anybody ever asked for or changed: Redis is \
                memory, too";
    let keys = RedisSeen::of(exam)?.keys_unseen().await?;
    exam.say(format!("looked into Redis: {} keys", keys.len()));
    let immortal = keys.iter().find(|(_, left)| *left == FOR_EVER);
    let kind = immortal.and_then(|(key, _)| key.split(':').next()).unwrap_or_default();
    let actual = format!("{kind} has none");
    require(immortal.is_none(), "a time to live for each key", actual, help)
}
