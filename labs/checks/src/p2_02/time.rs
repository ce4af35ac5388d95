//! Idle and absolute time of sessions in Redis.
//!
//! As in p1-01, a session is expected to be alive only if it is at the latest moment at which
//! the program may have looked at a clock, and to be dead only if it is at the earliest.

use super::Session;
use crate::redis_seen::RedisSeen;
use grader::{Exam, Outcome, Reply, Stop, require};
use std::time::{Duration, Instant};

const IDLE: Duration = Duration::from_millis(1400);

const ABSOLUTE: Duration = Duration::from_millis(3600);

/// Long enough to be no part of what is checked.
const LONG: Duration = Duration::from_mins(10);

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

fn args(idle: Duration, absolute: Duration) -> [String; 4] {
    ["--idle-ms".into(), millis(idle), "--absolute-ms".into(), millis(absolute)]
}

/// A session must not be called dead before `limit` has passed since `earliest`.
fn surely_within(limit: Duration, earliest: Instant, reply: &Reply) -> Outcome {
    if reply.at.1 - earliest < limit {
        return Ok(());
    }
    Err(Stop::unsure("this machine was too busy: the requests came too late"))
}

async fn wait(exam: &Exam, time: Duration) {
    tokio::time::sleep(time).await;
    exam.say(format!("… {:.1} s later", time.as_secs_f64()));
}

pub(super) async fn every_key_has_an_expiry(exam: &Exam) -> Outcome {
    let args = args(LONG, 2 * LONG);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let (r1, r2) = (exam.start(&args).await?, exam.start(&args).await?);
    let redis = RedisSeen::of(exam)?;
    let help = "some commands take the expiry of a key away. Which one did this write?";
    let session = Session::open(exam, &r1).await?;
    redis.nothing_stays_for_ever("nobody may ever come back to log out").await?;
    session.look(&r2).send().await?.expect(200, help)?;
    redis.nothing_stays_for_ever(help).await?;
    session.note(&r2, &exam.word(), 0).send().await?.expect(201, help)?;
    redis.nothing_stays_for_ever(help).await?;
    session.note(&r1, &exam.word(), 30).send().await?.expect(201, help)?;
    redis.nothing_stays_for_ever(help).await?;
    session.look(&r1).send().await?.expect(200, help)?;
    session.end(&r2).send().await?.expect(204, help)?;
    redis.nothing_stays_for_ever(help).await?;
    let longest = i64::try_from(2 * LONG.as_millis()).unwrap_or(i64::MAX);
    let keys = redis.keys().await?;
    let late = keys.iter().find(|(_, left)| *left > longest);
    let actual = late.map(|(key, left)| format!("{key} lives {left} ms"));
    let expected = "no key that outlives the absolute time";
    require(late.is_none(), expected, actual.unwrap_or_default(), help)
}

pub(super) async fn silence_ends_a_session(exam: &Exam) -> Outcome {
    let args = args(IDLE, LONG);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let (r1, r2) = (exam.start(&args).await?, exam.start(&args).await?);
    let unused = Session::open(exam, &r1).await?;
    let session = Session::open(exam, &r1).await?;
    let noted = session.note(&r2, &exam.word(), 0).send().await?;
    surely_within(IDLE, session.login.at.0, &noted)?;
    let help = "a new session is alive for the idle time";
    noted.expect(201, help)?;
    wait(exam, IDLE + Duration::from_millis(exam.number(80, 300))).await;
    let help = format!(
        "the idle time was {} ms, and nobody used the session for longer",
        millis(IDLE)
    );
    session.is_dead(&[&r1, &r2], &help).await?;
    unused.is_dead(&[&r2], &help).await
}

/// First by looking only, then by writing only: both have to count as a use.
pub(super) async fn old_age_ends_a_session(exam: &Exam) -> Outcome {
    let args = args(IDLE, ABSOLUTE);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let replicas = [exam.start(&args).await?, exam.start(&args).await?];
    let session = Session::open(exam, &replicas[0]).await?;
    let (earliest, latest) = session.login.at;
    let mut last = session.login.clone();
    loop {
        wait(exam, Duration::from_millis(exam.number(200, 350))).await;
        let at = exam.one_of(&replicas);
        let by_looking = last.at.0 - earliest < IDLE + IDLE / 4;
        let (reply, alive) = match by_looking {
            true => (session.look(at).send().await?, 200),
            false => (session.note(at, &exam.word(), 0).send().await?, 201),
        };
        if reply.at.0 - latest > ABSOLUTE {
            let help = format!(
                "the absolute time was {} ms. A use starts the idle time anew, and not this",
                millis(ABSOLUTE)
            );
            return reply.expect(401, &help).map(drop);
        }
        surely_within(IDLE, last.at.0, &reply)?;
        if reply.at.1 - earliest < ABSOLUTE {
            let help = format!(
                "the idle time is {} ms, and the last use was less than that ago: what does \
                 a use change in Redis?",
                millis(IDLE)
            );
            last = reply.expect(alive, &help)?;
        } else if reply.status == alive {
            last = reply;
        } else {
            // Between the two moments it may be dead or alive; now it is dead.
            return Ok(());
        }
    }
}
