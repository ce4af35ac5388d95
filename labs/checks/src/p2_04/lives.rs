//! Tasks 2 and 4: how long an old price is served of whose change nobody was told.
//!
//! When an entry was filled is not known exactly, only that it was between a request and
//! its reply. So an entry must be there only while it surely is young, and gone only when
//! it surely is old.

use super::{costs, database_reads, editor, read, two_prices, write};
use futures_util::future::try_join_all;
use grader::client::Reply;
use grader::{Exam, Outcome, Replica, Stop, require};
use std::time::Duration;

const TTL: Duration = Duration::from_millis(1500);

/// Between two reads: uses, which must not make an entry younger.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn an_old_price_has_an_end(exam: &Exam) -> Outcome {
    let (editor, server) = (editor(exam).await?, start(exam, "local").await?);
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &editor, &item, old).await?;
    let filled = costs(exam, &server, &item, old, "it is in the database").await?;
    write(exam, &editor, &item, new).await?;
    exam.say("nobody told r2 of that");
    let seen = read(exam, &server, &item).await?;
    if seen.at.1 - filled.at.0 >= TTL {
        return Err(Stop::unsure("this machine was too busy: the price was old already"));
    }
    let help = "a cache that asks the database each time is none";
    let cents = seen.json()["cents"].as_u64();
    require(
        cents == Some(old),
        format!("{old} cents, as remembered"),
        seen.shown(),
        help,
    )?;
    exam.transcript().quiet(true);
    let changed = stale_no_longer(exam, &server, (&item, new), &filled).await;
    exam.transcript().quiet(false);
    exam.say(changed?);
    let reads = database_reads(exam, &server).await?;
    let help = "two prices were to be read, and everything else to be remembered";
    require(reads == 2, "2 database reads", format!("{reads}"), help)
}

pub(super) async fn what_nobody_was_told_has_an_end(exam: &Exam) -> Outcome {
    let editor = editor(exam).await?;
    let servers = [start(exam, "shared").await?, start(exam, "near").await?];
    let (item, (old, new)) = (exam.word(), two_prices(exam));
    write(exam, &editor, &item, old).await?;
    let mut filled = Vec::new();
    for server in &servers {
        filled.push(costs(exam, server, &item, old, "it is in the database").await?);
    }
    write(exam, &editor, &item, new).await?;
    exam.say("nobody told the others of that");
    let waits = servers.iter().zip(&filled);
    let waits =
        waits.map(|(server, filled)| stale_no_longer(exam, server, (&item, new), filled));
    exam.transcript().quiet(true);
    let changed = try_join_all(waits).await;
    exam.transcript().quiet(false);
    changed?.into_iter().for_each(|line| exam.say(line));
    Ok(())
}

async fn start(exam: &Exam, mode: &str) -> Result<Replica, Stop> {
    let ttl = TTL.as_millis().to_string();
    exam.start(&["--cache", mode, "--ttl-ms", &ttl]).await
}

/// Reads until the price is new, and says when that was. It may be old for as long as the
/// entry is young.
async fn stale_no_longer(
    exam: &Exam,
    at: &Replica,
    (item, new): (&str, u64),
    filled: &Reply,
) -> Result<String, Stop> {
    loop {
        let reply = read(exam, at, item).await?.expect(200, "it is in the database")?;
        let age = reply.at.0.saturating_duration_since(filled.at.1);
        if reply.json()["cents"].as_u64() == Some(new) {
            return Ok(format!(
                "{}: the new price, {} ms later",
                at.name(),
                age.as_millis()
            ));
        }
        if age > TTL + TTL / 5 {
            let expected =
                format!("{}: {new} cents after {} ms", at.name(), TTL.as_millis());
            let help = "nothing lasts longer than its time, however often it is used. When \
                        does the time of an entry begin, and what starts it anew?";
            return Err(Stop::failed(expected, reply.shown(), help));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
