//! Task 4: a cache in each replica, and messages that can be lost.

use super::races::{STOP, surely_meanwhile, until_read};
use super::{
    comes_to_cost, costs, database_reads, read, reads_since, start, two_prices, write,
};
use crate::redis_seen::RedisSeen;
use grader::{Exam, Outcome, Replica, require};

const TOLD: &str = "r1 knows that it wrote. How does r2 hear of it, long before the time of its \
                    entry is over?";

/// Waits until `other` hears what `one` writes: a replica is ready before it listens.
async fn hears(exam: &Exam, one: &Replica, other: &Replica) -> Outcome {
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, one, &item, old).await?;
    costs(exam, other, &item, old, "it is in the database").await?;
    write(exam, one, &item, new).await?;
    comes_to_cost(exam, other, &item, new, TOLD).await
}

pub(super) async fn a_write_reaches_the_other_replicas(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "near", &[]).await?, start(exam, "near", &[]).await?);
    hears(exam, &one, &other).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    let (calm, price) = (exam.word(), exam.number(1, 900));
    write(exam, &one, &item, old).await?;
    write(exam, &one, &calm, price).await?;
    // They may have been read before the messages about these writes came.
    comes_to_cost(exam, &other, &item, old, TOLD).await?;
    comes_to_cost(exam, &other, &calm, price, TOLD).await?;
    write(exam, &one, &item, new).await?;
    costs(exam, &one, &item, new, "the replica that wrote knows").await?;
    comes_to_cost(exam, &other, &item, new, TOLD).await?;
    let before = database_reads(exam, &other).await?;
    for _ in 0..5 {
        costs(exam, &other, &item, new, "it has been read a moment ago").await?;
    }
    let reads = reads_since(exam, &other, before).await?;
    let help = "between two messages, memory answers";
    require(reads == 0, "no database read", format!("{reads} more"), help)
}

pub(super) async fn a_slow_reader_forgets_what_it_read(exam: &Exam) -> Outcome {
    let stop = STOP.as_millis().to_string();
    let one = start(exam, "near", &[]).await?;
    let slow = start(exam, "near", &["--after-read-ms", &stop]).await?;
    hears(exam, &one, &slow).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &one, &item, old).await?;
    let before = database_reads(exam, &slow).await?;
    exam.say("r2 reads the database and stops; r1 writes; r2 goes on");
    let writing = async {
        until_read(exam, &slow, before).await?;
        write(exam, &one, &item, new).await
    };
    let (reading, written) = tokio::join!(read(exam, &slow, &item), writing);
    surely_meanwhile(&reading?, &written?)?;
    let help = "the message came while r2 was reading, and there was nothing to forget yet. \
                Then it filled in the old price. What could it compare before it fills?";
    comes_to_cost(exam, &slow, &item, new, help).await
}

pub(super) async fn a_lost_message_is_survived(exam: &Exam) -> Outcome {
    let (one, other) = (start(exam, "near", &[]).await?, start(exam, "near", &[]).await?);
    hears(exam, &one, &other).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &one, &item, old).await?;
    comes_to_cost(exam, &other, &item, old, TOLD).await?;
    // The first read may have met the message, and then nothing was kept of it.
    costs(exam, &other, &item, old, "it has been read a moment ago").await?;
    let redis = RedisSeen::of(exam)?;
    redis.kill().await?;
    let help =
        "the price is in the database; that nobody can be told is no reason to refuse";
    write(exam, &one, &item, new).await?;
    costs(exam, &one, &item, new, help).await?;
    redis.restart().await?;
    let help = "the message was sent while nobody listened, and nobody sends it again. What \
                does a replica know that finds Redis again, about the time in between?";
    comes_to_cost(exam, &other, &item, new, help).await
}
