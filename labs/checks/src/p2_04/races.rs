//! Task 3: what can come between a database and a cache. Each race is arranged: a replica
//! stops for a moment at the place in question, and another does its work meanwhile.

use super::{costs, database_reads, editor, read, reads_since, start, two_prices, write};
use grader::client::Reply;
use grader::{Exam, Outcome, Replica, Stop, require};
use std::time::{Duration, Instant};

/// How long a replica stops.
pub(super) const STOP: Duration = Duration::from_millis(800);

/// How long it may take to come to that place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether this was done while the other still had to stop.
pub(super) fn surely_meanwhile(slow: &Reply, quick: &Reply) -> Outcome {
    if quick.at.1 < slow.at.0 + STOP {
        return Ok(());
    }
    Err(Stop::unsure("this machine was too busy: the slow one was done first"))
}

/// Waits until a replica has read the database once more, and so stops after it.
pub(super) async fn until_read(exam: &Exam, at: &Replica, before: u64) -> Outcome {
    let deadline = Instant::now() + PATIENCE;
    exam.transcript().quiet(true);
    let seen = loop {
        match database_reads(exam, at).await {
            Ok(reads) if reads > before => break Ok(()),
            Ok(_) if Instant::now() > deadline => {
                break Err(Stop::unsure("the slow replica did not read the database"));
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(stop) => break Err(stop),
        }
    };
    exam.transcript().quiet(false);
    seen
}

pub(super) async fn a_slow_write_leaves_no_old_price(exam: &Exam) -> Outcome {
    let stop = STOP.as_millis().to_string();
    let slow = start(exam, "shared", &["--before-write-ms", &stop]).await?;
    let quick = start(exam, "shared", &[]).await?;
    let editor = editor(exam).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &editor, &item, old).await?;
    costs(exam, &quick, &item, old, "it is in the database").await?;
    exam.say("r1 writes, and its database is slow; r2 reads meanwhile");
    exam.transcript().quiet(true);
    let writing = write(exam, &slow, &item, new);
    let reading = async {
        let until = Instant::now() + STOP;
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(40)).await;
            read(exam, &quick, &item).await?;
        }
        Ok::<_, Stop>(())
    };
    let (written, read) = tokio::join!(writing, reading);
    exam.transcript().quiet(false);
    written?;
    read?;
    let help = "the write has been answered. In which order are the database and the cache \
                changed, and what does somebody see who reads in between?";
    costs(exam, &quick, &item, new, help).await?;
    costs(exam, &slow, &item, new, help).await.map(drop)
}

pub(super) async fn of_two_writers_the_last_wins(exam: &Exam) -> Outcome {
    let stop = STOP.as_millis().to_string();
    let slow = start(exam, "shared", &["--after-write-ms", &stop]).await?;
    let quick = start(exam, "shared", &[]).await?;
    let editor = editor(exam).await?;
    let (item, (first, last)) = (exam.word(), two_prices(exam));
    exam.say("r1 writes and stops before it is done; r2 writes after it");
    let second = async {
        let deadline = Instant::now() + PATIENCE;
        while read(exam, &editor, &item).await?.status != 200 {
            if Instant::now() > deadline {
                return Err(Stop::unsure("the first price did not come to the database"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        write(exam, &quick, &item, last).await
    };
    exam.transcript().quiet(true);
    let (slow_write, quick_write) =
        tokio::join!(write(exam, &slow, &item, first), second);
    exam.transcript().quiet(false);
    surely_meanwhile(&slow_write?, &quick_write?)?;
    let help = "what does the database say, and what the cache? Who was the last to write \
                to each of them? A value that is put into a cache can be older than the one \
                it replaces; a value that is not there cannot";
    costs(exam, &editor, &item, last, "the second was written after the first").await?;
    costs(exam, &quick, &item, last, help).await?;
    costs(exam, &slow, &item, last, help).await.map(drop)
}

pub(super) async fn a_slow_reader_fills_no_old_price(exam: &Exam) -> Outcome {
    let stop = STOP.as_millis().to_string();
    let slow = start(exam, "shared", &["--after-read-ms", &stop]).await?;
    let quick = start(exam, "shared", &[]).await?;
    let editor = editor(exam).await?;
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &editor, &item, old).await?;
    exam.say("r1 reads the database and stops; r2 writes; r1 goes on");
    let writing = async {
        until_read(exam, &slow, 0).await?;
        write(exam, &quick, &item, new).await
    };
    let (reading, written) = tokio::join!(read(exam, &slow, &item), writing);
    surely_meanwhile(&reading?, &written?)?;
    let help = "r1 filled in what it had read before the write. How could it, or Redis, \
                notice at the fill that somebody wrote since?";
    costs(exam, &quick, &item, new, help).await?;
    let before = database_reads(exam, &quick).await?;
    costs(exam, &quick, &item, new, help).await?;
    let read = reads_since(exam, &quick, before).await?;
    let help = "after a write, a price can be cached again";
    require(read == 0, "no database read", format!("{read} more"), help)
}
