//! Idle and absolute time of a session that one process remembers.

use super::Session;
use crate::clocks::{Helps, Limits, dies_of_old_age, millis, surely_within, uses, wait};
use grader::{Exam, Outcome, Replica, Stop};
use std::time::Duration;

const IDLE: Duration = Duration::from_millis(1200);

const ABSOLUTE: Duration = Duration::from_millis(4000);

/// Long enough to be no part of what is checked.
const FOR_EVER: Duration = Duration::from_mins(10);

async fn start(exam: &Exam, absolute: Duration) -> Result<Replica, Stop> {
    let args = Limits { idle: IDLE, absolute }.args();
    exam.start(&args.each_ref().map(String::as_str)).await
}

pub(super) async fn silence_ends_a_session(exam: &Exam) -> Outcome {
    let late = Duration::from_millis(exam.number(100, 500));
    let server = start(exam, FOR_EVER).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let unused = Session::open(exam, &server, &exam.user()).await?;
    let used = session.look().await?;
    surely_within(IDLE, session.login.at.0, &used)?;
    let used = used.expect(200, "a new session is alive")?;
    wait(exam, &used, IDLE + late).await;
    let help = format!(
        "the idle time was {} ms, and nobody used the session for longer. Who asks about the \
         time, and when? Nothing happens by itself",
        millis(IDLE)
    );
    session.is_dead(&help).await?;
    session.add("too late").await?.expect(401, &help)?;
    unused.is_dead(&help).await
}

pub(super) async fn use_keeps_a_session_alive(exam: &Exam) -> Outcome {
    // One way at a time, and for longer than the idle time: both have to count as a use.
    let each = IDLE + IDLE / 4;
    let ways = [true, false].map(|by_looking| (by_looking, uses(exam, each, 350..600)));
    let server = start(exam, FOR_EVER).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let born = session.login.at.0;
    let mut last = session.login.clone();
    for (by_looking, uses) in ways {
        let began = last.at.0;
        for one in uses {
            if last.at.0.saturating_duration_since(began) >= each {
                break;
            }
            wait(exam, &last, one.after).await;
            let (reply, status) = match by_looking {
                true => (session.look().await?, 200),
                false => (session.add(&one.word).await?, 201),
            };
            surely_within(IDLE, last.at.0, &reply)?;
            let help = format!(
                "the idle time is {} ms, and the last use was less than that ago ({} ms after \
                 the birth). What does a use change in the session?",
                millis(IDLE),
                millis(last.at.0 - born)
            );
            last = reply.expect(status, &help)?;
        }
    }
    Ok(())
}

pub(super) async fn old_age_ends_a_session(exam: &Exam) -> Outcome {
    let server = start(exam, ABSOLUTE).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let too_late = format!(
        "the absolute time was {} ms. What does a use start anew, and what not?",
        millis(ABSOLUTE)
    );
    let too_early =
        "neither the idle nor the absolute time has passed: it dies too early";
    let helps = Helps { too_early, too_late: &too_late };
    let limits = Limits { idle: IDLE, absolute: ABSOLUTE };
    let session = &session;
    let look = |_, _| async move { Ok((session.look().await?, 200)) };
    dies_of_old_age(exam, &session.login, limits, 350..600, helps, look).await
}
