//! How the breaker finds out that Redis is back: one question, and what comes of it.

use super::gate::{Gate, Mode};
use super::{Known, SLACK, Setting, honest};
use crate::redis_seen::RedisSeen;
use futures_util::future::{Either, join_all, select};
use grader::{Exam, Outcome, Stop, require};
use std::pin::pin;
use std::time::{Duration, Instant};

/// Requests that come when the rest is over.
const CROWD: usize = 20;

/// More than the rest, by what clocks and timers may differ.
const AND_A_LITTLE: Duration = Duration::from_millis(100);

/// How long it may take to be back after the rest.
const PATIENCE: Duration = Duration::from_secs(4);

/// Redis breaks until the breaker is open, and the rest is over.
async fn rested(gate: &Gate<'_>, known: &Known<'_>, setting: Setting) -> Outcome {
    gate.set(Mode::Refuse);
    for _ in 0..setting.failures {
        known.is_not_known().await?;
    }
    tokio::time::sleep(setting.rest() + AND_A_LITTLE).await;
    known.exam.say(format!("… the rest of {} ms is over", setting.rest));
    Ok(())
}

/// Looks until somebody is seen again.
async fn comes_back(known: &Known<'_>, setting: Setting, help: &str) -> Outcome {
    let patience = setting.rest() + setting.limit() + PATIENCE;
    let deadline = Instant::now() + patience;
    loop {
        let reply = known.look().send().await?;
        if reply.status == 200 {
            return Ok(());
        }
        let reply = honest(reply)?;
        if Instant::now() > deadline {
            let expected = format!("200 within {} ms", patience.as_millis());
            return Err(Stop::too_slow(expected, reply.shown(), help));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn it_closes_by_itself(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 250, failures: 2, rest: 500 };
    let server = setting.start(exam, None).await?;
    let known = Known::login(exam, &server, setting).await?;
    let redis = RedisSeen::of(exam)?;
    let dies = *exam.one_of(&[true, false]);
    if dies {
        redis.kill().await?
    } else {
        redis.pause().await?
    }
    for _ in 0..setting.failures + 2 {
        known.is_not_known().await?;
    }
    if dies {
        redis.restart().await?
    } else {
        redis.resume().await?
    }
    let help = "Redis is back. Nobody restarts your program: how does it find out?";
    // The embedded Redis keeps nothing when it dies: somebody has to log in again.
    if dies {
        exam.say("people log in until it works");
        let deadline = Instant::now() + setting.rest() + PATIENCE;
        while known.start().unseen().send().await?.status != 201 {
            if Instant::now() > deadline {
                return Err(Stop::too_slow("a login that works", "503 each time", help));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    comes_back(&known, setting, help).await?;
    for _ in 0..5 {
        known.is_seen("it is closed again: everybody may ask").await?;
    }
    Ok(())
}

pub(super) async fn one_probe_at_a_time(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 1500, failures: 2, rest: 400 };
    let gate = Gate::open(exam).await?;
    let server = setting.start(exam, Some(gate.url())).await?;
    let known = Known::login(exam, &server, setting).await?;
    rested(&gate, &known, setting).await?;
    gate.set(Mode::Hang);
    let before = gate.came();
    exam.say(format!("{CROWD} requests, all at the same time"));
    let began = Instant::now();
    let replies = join_all((0..CROWD).map(|_| known.look().unseen().send())).await;
    let took = began.elapsed();
    let mut slow = 0;
    for reply in replies {
        let reply = honest(reply?)?;
        slow += usize::from(reply.at.1 - reply.at.0 >= setting.limit());
    }
    let asked = gate.came() - before;
    if asked > 1 && took >= setting.limit() + setting.rest() {
        return Err(Stop::unsure(
            "this machine was too busy: there was time for two probes",
        ));
    }
    let help = "how many have to ask to find out whether Redis is back? The others came too, \
                and Redis, which may be just getting up, has to serve them all";
    require(asked == 1, "one question to Redis", format!("{asked} questions"), help)?;
    let help = "one request finds out. What do the others gain by waiting for it?";
    if slow > 1 {
        let expected = "an answer at once for all but one";
        let actual = format!("{slow} of {CROWD} took {} ms or longer", setting.limit);
        return Err(Stop::too_slow(expected, actual, help));
    }
    Ok(())
}

pub(super) async fn a_failed_probe_rests_again(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 5000, failures: 3, rest: 800 };
    let gate = Gate::open(exam).await?;
    let server = setting.start(exam, Some(gate.url())).await?;
    let known = Known::login(exam, &server, setting).await?;
    rested(&gate, &known, setting).await?;
    let before = gate.came();
    let began = Instant::now();
    for _ in 0..6 {
        known.is_not_known().await?;
    }
    let (asked, took) = (gate.came() - before, began.elapsed());
    if took >= setting.rest() {
        return Err(Stop::unsure("this machine was too busy: the next rest was over"));
    }
    let help = "the one that asked found out that Redis is still away. How many more failures \
                does it take to believe that?";
    require(asked == 1, "one question to Redis", format!("{asked} questions"), help)
}

/// The client of the request that probes closes its connection, and the server drops the
/// request in the middle of an `await`.
pub(super) async fn a_probe_that_is_given_up_is_not_the_last(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 1000, failures: 2, rest: 300 };
    let gate = Gate::open(exam).await?;
    let server = setting.start(exam, Some(gate.url())).await?;
    let known = Known::login(exam, &server, setting).await?;
    rested(&gate, &known, setting).await?;
    gate.set(Mode::Hang);
    let probe = gate.came() + 1;
    let asked = gate.until(probe, setting.limit() + SLACK);
    match select(pin!(known.look().unseen().try_send()), pin!(asked)).await {
        Either::Right((true, _)) => {
            exam.say(
                "one request asks Redis, and its client goes away before the answer",
            );
        }
        _ => {
            let expected = "a question to Redis after the rest";
            let help = "how does it find out that Redis is back, if nobody asks?";
            return Err(Stop::too_slow(expected, "none", help));
        }
    }
    gate.set(Mode::Pass);
    let help = "one request was finding out, and went away. A future that is dropped runs no \
                further line: who says how the probe went?";
    comes_back(&known, setting, help).await
}
