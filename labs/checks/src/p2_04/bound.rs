//! Task 1: a cache that anybody can fill has a bound, and forgets what is not used.

use super::{cache, database_reads, editor, figure, read, reads_since, start, write};
use grader::{Exam, Outcome, Replica, Stop, require};

const CAPACITY: usize = 40;

/// How many of the newest and of the oldest are asked for again.
const SOME: usize = 10;

pub(super) async fn the_cache_is_bounded(exam: &Exam) -> Outcome {
    let server = start(exam, "local", &["--capacity", &CAPACITY.to_string()]).await?;
    let many = CAPACITY * 3 + exam.number(0, 20) as usize;
    let made_up: Vec<_> = (0..many).map(|_| exam.word()).collect();
    ask_for_all(exam, &server, &made_up).await?;
    let reply = cache(exam, &server).await?;
    let entries = figure(&reply, "entries");
    let help = "anybody can make up names, and each is remembered. What goes when there is \
                no room?";
    let expected = format!("at most {CAPACITY} entries");
    require(entries <= CAPACITY as u64, expected, reply.shown(), help)?;

    let newest = &made_up[many - SOME..];
    let read = reads_for(exam, &server, newest).await?;
    let help = "what was read a moment ago is still there: an item that does not exist is \
                worth remembering as well";
    let expected = format!("no database read for the last {SOME}");
    require(read == 0, expected, format!("{read} database reads"), help)?;
    let read = reads_for(exam, &server, &made_up[..SOME]).await?;
    let help =
        "what there is no room for is forgotten, and not only left out of the count";
    let expected = format!("{SOME} database reads for the first {SOME}");
    require(read == SOME as u64, expected, format!("{read} database reads"), help)
}

pub(super) async fn what_is_used_stays(exam: &Exam) -> Outcome {
    let (server, editor) = (
        start(exam, "local", &["--capacity", &CAPACITY.to_string()]).await?,
        editor(exam).await?,
    );
    let popular = exam.word();
    write(exam, &editor, &popular, exam.number(1, 900)).await?;
    let mut rounds = Vec::new();
    for _ in 0..8 {
        let made_up: Vec<_> = (0..CAPACITY / 3).map(|_| exam.word()).collect();
        ask_for_all(exam, &server, &made_up).await?;
        rounds.push(reads_for(exam, &server, std::slice::from_ref(&popular)).await?);
    }
    let again = rounds[1..].iter().fold(0, |sum: u64, one| sum.saturating_add(*one));
    let help = "one item is asked for all the time, many others once. Which of them is to \
                be forgotten first: the one that came first, or the one whose last use is \
                the longest ago?";
    let actual = format!("{again} more");
    require(again == 0, "one database read for what is asked for often", actual, help)
}

async fn ask_for_all(exam: &Exam, at: &Replica, items: &[String]) -> Outcome {
    exam.say(format!("{} items are asked for, such as {}", items.len(), items[0]));
    exam.transcript().quiet(true);
    for item in items {
        let reply = read(exam, at, item).await?;
        if reply.status != 404 && reply.status != 200 {
            exam.transcript().quiet(false);
            return reply.expect(404, "there is no such item").map(drop);
        }
    }
    exam.transcript().quiet(false);
    Ok(())
}

/// How many database reads it costs to ask for these.
async fn reads_for(exam: &Exam, at: &Replica, items: &[String]) -> Result<u64, Stop> {
    let before = database_reads(exam, at).await?;
    ask_for_all(exam, at, items).await?;
    reads_since(exam, at, before).await
}
