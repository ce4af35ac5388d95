//! Idle and absolute time of sessions in Redis.

use super::Session;
use crate::clocks::{Helps, Limits, Use, dies_of_old_age, millis, surely_within, wait};
use crate::redis_seen::RedisSeen;
use grader::{Exam, Outcome, Replica, Stop, require};
use std::time::Duration;

const IDLE: Duration = Duration::from_millis(1400);

const ABSOLUTE: Duration = Duration::from_millis(3600);

/// Long enough to be no part of what is checked.
const LONG: Duration = Duration::from_mins(10);

async fn two(exam: &Exam, limits: Limits) -> Result<[Replica; 2], Stop> {
    let args = limits.args();
    let args = args.each_ref().map(String::as_str);
    Ok([exam.start(&args).await?, exam.start(&args).await?])
}

pub(super) async fn every_key_has_an_expiry(exam: &Exam) -> Outcome {
    let [r1, r2] = two(exam, Limits { idle: LONG, absolute: 2 * LONG }).await?;
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
    let late = Duration::from_millis(exam.number(80, 300));
    let [r1, r2] = two(exam, Limits { idle: IDLE, absolute: LONG }).await?;
    let unused = Session::open(exam, &r1).await?;
    let session = Session::open(exam, &r1).await?;
    let noted = session.note(&r2, &exam.word(), 0).send().await?;
    surely_within(IDLE, session.login.at.0, &noted)?;
    let help = "a new session is alive for the idle time";
    let noted = noted.expect(201, help)?;
    wait(exam, &noted, IDLE + late).await;
    let help = format!(
        "the idle time was {} ms, and nobody used the session for longer",
        millis(IDLE)
    );
    session.is_dead(&[&r1, &r2], &help).await?;
    unused.is_dead(&[&r2], &help).await
}

/// First by looking only, then by writing only: both have to count as a use.
pub(super) async fn old_age_ends_a_session(exam: &Exam) -> Outcome {
    let limits = Limits { idle: IDLE, absolute: ABSOLUTE };
    let replicas = two(exam, limits).await?;
    let session = Session::open(exam, &replicas[0]).await?;
    let too_early = format!(
        "the idle time is {} ms, and the last use was less than that ago: what does a use \
         change in Redis?",
        millis(IDLE)
    );
    let too_late = format!(
        "the absolute time was {} ms. A use starts the idle time anew, and not this",
        millis(ABSOLUTE)
    );
    let helps = Helps { too_early: &too_early, too_late: &too_late };
    let (replicas, session) = (&replicas, &session);
    let use_it = |one: Use, age: Duration| async move {
        let at = &replicas[one.replica];
        Ok(match age < IDLE + IDLE / 4 {
            true => (session.look(at).send().await?, 200),
            false => (session.note(at, &one.word, 0).send().await?, 201),
        })
    };
    dies_of_old_age(exam, &session.login, limits, 200..350, helps, use_it).await
}
