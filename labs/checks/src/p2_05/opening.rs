//! When the breaker opens, and what an open one does.

use super::gate::{Gate, Mode};
use super::{Known, Setting};
use futures_util::future::join_all;
use grader::{Exam, Outcome, require};

/// Requests that come while it is open.
const CROWD: usize = 30;

pub(super) async fn an_open_breaker_asks_nobody(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 250, failures: exam.number(2, 5), rest: 60_000 };
    let gate = Gate::open(exam).await?;
    let server = setting.start(exam, Some(gate.url())).await?;
    let known = Known::login(exam, &server, setting).await?;
    known.is_seen("Redis is well: what it says is passed on").await?;
    let before = gate.came();
    gate.set(*exam.one_of(&[Mode::Hang, Mode::Refuse]));
    for _ in 0..setting.failures {
        known.is_not_known().await?;
    }
    let asked = gate.came() - before;
    let help = "the breaker opens after so many failures in a row as `--failures` says; until \
                then each request asks, once";
    let expected = format!("{} questions to Redis", setting.failures);
    let few = u64::try_from(asked).is_ok_and(|asked| asked == setting.failures);
    require(few, expected, format!("{asked} questions"), help)?;

    exam.say(format!("{CROWD} more requests, all at the same time"));
    let replies = join_all((0..CROWD).map(|_| known.look().unseen().send())).await;
    for reply in replies {
        super::honest(reply?)?;
    }
    let more = gate.came() - before - asked;
    let help = "all of them will fail as the last ones did. What does asking cost the client, \
                what does it cost Redis, and what is remembered from one request to the next?";
    require(more == 0, "no further question to Redis", format!("{more} more"), help)
}

pub(super) async fn a_failure_now_and_then_opens_nothing(exam: &Exam) -> Outcome {
    let setting = Setting { limit: 5000, failures: 3, rest: 60_000 };
    let gate = Gate::open(exam).await?;
    let server = setting.start(exam, Some(gate.url())).await?;
    let known = Known::login(exam, &server, setting).await?;
    let help = "there were never so many failures in a row as `--failures` says. What does a \
                success mean for the failures before it?";
    for _ in 0..3 {
        gate.set(Mode::Refuse);
        for _ in 1..setting.failures {
            known.is_not_known().await?;
        }
        gate.set(Mode::Pass);
        known.is_seen(help).await?;
    }
    Ok(())
}
