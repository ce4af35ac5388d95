//! Idle and absolute time, seen from outside.
//!
//! When the program looks at its clock is not known, only that it does so between a
//! request and its reply. So a session is expected to be alive only if it is at the latest
//! of these moments, and to be dead only if it is at the earliest. On a machine so busy
//! that neither is certain, nothing is said.

use super::Session;
use grader::client::Reply;
use grader::{Exam, Outcome, Stop};
use std::time::{Duration, Instant};

const IDLE: Duration = Duration::from_millis(1200);

const ABSOLUTE: Duration = Duration::from_millis(4000);

/// Long enough to be no part of what is checked.
const FOR_EVER: &str = "600000";

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// Waits until so long after a reply had been read.
async fn wait(exam: &Exam, reply: &Reply, time: Duration) {
    let time = time.saturating_sub(reply.at.1.elapsed());
    tokio::time::sleep(time).await;
    exam.say(format!("… {:.1} s later", time.as_secs_f64()));
}

/// A session must not be called dead before `limit` has passed since `earliest`.
fn surely_within(limit: Duration, earliest: Instant, reply: &Reply) -> Outcome {
    if reply.at.1 - earliest < limit {
        return Ok(());
    }
    Err(Stop::unsure("this machine was too busy: the requests came too late"))
}

pub(super) async fn silence_ends_a_session(exam: &Exam) -> Outcome {
    let args = ["--idle-ms", &millis(IDLE), "--absolute-ms", FOR_EVER];
    let server = exam.start(&args).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let unused = Session::open(exam, &server, &exam.user()).await?;
    let used = session.look().await?;
    surely_within(IDLE, session.login.at.0, &used)?;
    let used = used.expect(200, "a new session is alive")?;
    wait(exam, &used, IDLE + Duration::from_millis(exam.number(100, 500))).await;
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
    let args = ["--idle-ms", &millis(IDLE), "--absolute-ms", FOR_EVER];
    let server = exam.start(&args).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let born = session.login.at.0;
    let mut last = session.login.clone();
    // One way at a time, and for longer than the idle time: both have to count as a use.
    for by_looking in [true, false] {
        let began = last.at.0;
        while last.at.0.saturating_duration_since(began) < IDLE + IDLE / 4 {
            wait(exam, &last, Duration::from_millis(exam.number(350, 600))).await;
            let (reply, status) = match by_looking {
                true => (session.look().await?, 200),
                false => (session.add(&exam.word()).await?, 201),
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
    let args = ["--idle-ms", &millis(IDLE), "--absolute-ms", &millis(ABSOLUTE)];
    let server = exam.start(&args).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let (earliest, latest) = session.login.at;
    let mut last = session.login.clone();
    loop {
        wait(exam, &last, Duration::from_millis(exam.number(350, 600))).await;
        let reply = session.look().await?;
        if reply.at.0 - latest > ABSOLUTE {
            let help = format!(
                "the absolute time was {} ms. What does a use start anew, and what not?",
                millis(ABSOLUTE)
            );
            return reply.expect(401, &help).map(drop);
        }
        surely_within(IDLE, last.at.0, &reply)?;
        if reply.at.1 - earliest < ABSOLUTE {
            let help =
                "neither the idle nor the absolute time has passed: it dies too early";
            last = reply.expect(200, help)?;
        } else if reply.status == 200 {
            last = reply;
        } else {
            // Between the two moments it may be dead or alive; now it is dead.
            return Ok(());
        }
    }
}
