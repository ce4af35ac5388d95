//! Two replicas and one session, at the same time.
//!
//! An update may take long between reading and writing, because the client says so
//! (`think_ms`). So the races here do not depend on luck: what is to happen in between has
//! all the time it needs, and that it did happen in between is looked at.

use super::{Session, two};
use crate::redis_seen::RedisSeen;
use futures_util::future::{join, join_all};
use grader::{Exam, Outcome, Reply, Stop, require};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a slow update takes.
const THINK: Duration = Duration::from_millis(700);

/// After which it has surely read the session, on a machine that is not too busy.
const HAS_BEGUN: Duration = Duration::from_millis(250);

/// How long a frozen replica is away: longer than anybody waits for it.
const FROZEN: Duration = Duration::from_millis(1500);

fn think() -> u64 {
    u64::try_from(THINK.as_millis()).unwrap_or(u64::MAX)
}

/// Nothing is said of an update that was over before what was to come in between, or may not
/// have begun when it came.
fn surely_between(inner: &Reply, outer: &Reply) -> Outcome {
    let begun = inner.at.0.saturating_duration_since(outer.at.0) >= HAS_BEGUN;
    let under_way = inner.at.1.saturating_duration_since(outer.at.0) < THINK;
    if begun && under_way {
        return Ok(());
    }
    Err(Stop::unsure("this machine was too busy: what should come in between came after"))
}

/// While an update is thinking, something else happens.
async fn meanwhile<T>(
    slow: impl Future<Output = T>,
    inner: impl Future<Output = Result<Reply, Stop>>,
) -> (T, Result<Reply, Stop>) {
    let inner = async {
        tokio::time::sleep(HAS_BEGUN).await;
        inner.await
    };
    join(slow, inner).await
}

pub(super) async fn a_slow_update_overwrites_nothing(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let session = Session::open(exam, &r1).await?;
    let notes = [exam.word(), exam.word()];
    exam.say(format!("a note that takes {} ms, and meanwhile another:", think()));
    let help = "between reading and writing there was time for somebody else. How can a \
                write know that what was read is still so?";
    let lost = "Redis is well, so each note is kept and answered with 201: one that lost \
                against another is tried again. What does `update` return an error for?";
    let slow = session.note(&r1, &notes[0], think()).send();
    let fast = session.note(&r2, &notes[1], 0).send();
    let (slow, fast) = meanwhile(slow, fast).await;
    let (slow, fast) = (slow?.expect(201, lost)?, fast?.expect(201, lost)?);
    // An update that holds others off is slower, and not wrong.
    if fast.at.1 < slow.at.1 {
        surely_between(&fast, &slow)?;
    }
    session.holds(&r2, &notes, help).await?;
    session.holds(&r1, &notes, help).await
}

pub(super) async fn updates_at_once_are_all_kept(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let session = Session::open(exam, &r1).await?;
    let notes: Vec<_> = (0..exam.number(24, 34)).map(|_| exam.word()).collect();
    exam.say(format!(
        "{} notes and as many looks, all at the same time, at r1 and r2",
        notes.len()
    ));
    let at = |n: usize| if n.is_multiple_of(2) { &r1 } else { &r2 };
    let adds = notes.iter().enumerate();
    let adds = adds.map(|(n, note)| session.note(at(n), note, 0).unseen().send());
    let looks = (0..notes.len()).map(|n| session.look(at(n)).unseen().send());
    let (added, looked) = join(join_all(adds), join_all(looks)).await;
    let help = "which steps of an update does nobody else get in between, and who makes sure \
                of that: this process, this connection, or Redis?";
    let lost = "Redis is well, so each note is kept and answered with 201: one that lost \
                against others is tried again, however many they are";
    for reply in added {
        reply?.expect(201, lost)?;
    }
    for reply in looked {
        reply?.expect(200, help)?;
    }
    let kept = session.look(&r2).unseen().send().await?.expect(200, help)?.json();
    let kept = kept["notes"].as_array().map_or(0, Vec::len);
    let (expected, actual) = (format!("{} notes", notes.len()), format!("{kept} notes"));
    require(kept == notes.len(), expected, actual, help)?;
    session.holds(&r1, &notes, help).await
}

pub(super) async fn a_logout_in_the_middle_of_an_update_stays(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let session = Session::open(exam, &r1).await?;
    exam.say(format!("a note that takes {} ms, and meanwhile a logout:", think()));
    let help = "the update read a session that was alive, and wrote it when it was not. What \
                does that write find, and what should it do then?";
    let slow = session.note(&r1, &exam.word(), think()).send();
    let (slow, end) = meanwhile(slow, session.end(&r2).send()).await;
    let end = end?.expect(204, "a logout is answered with 204")?;
    let slow = slow?;
    session.is_dead(&[&r1, &r2], help).await?;
    if end.at.1 < slow.at.1 {
        surely_between(&end, &slow)?;
        let help = "whoever sent the note believes that it was kept. The session ended \
                    before it was written";
        slow.expect(401, help)?;
    }
    Ok(())
}

/// A look is a use, and a use writes: at least an expiry.
pub(super) async fn a_logout_in_the_middle_of_many_looks_stays(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    exam.say("sessions that are looked at many times at once, and ended in the middle");
    for _ in 0..12 {
        let session = Session::open_unseen(exam, &r1).await?;
        let at = |n: usize| if n.is_multiple_of(2) { &r1 } else { &r2 };
        let over = AtomicBool::new(false);
        // Until the logout is answered somebody looks, however fast this machine is.
        let looks = (0..16).map(async |n| {
            while !over.load(Ordering::Relaxed) {
                session.look(at(n)).unseen().send().await?;
            }
            Ok(())
        });
        let pause = Duration::from_micros(exam.number(500, 8000));
        let end = async {
            tokio::time::sleep(pause).await;
            let end = session.end(&r2).unseen().send().await;
            over.store(true, Ordering::Relaxed);
            end
        };
        let (looked, end) = join(join_all(looks), end).await;
        end?.expect(204, "a logout is answered with 204")?;
        looked.into_iter().collect::<Result<Vec<()>, Stop>>()?;
        let help = "a look is a use: what does it write, and what if the session is gone by \
                    then?";
        session.is_dead(&[&r1, &r2], help).await?;
    }
    Ok(())
}

/// A process can stop at any point for as long as it likes: the machine is too busy, the
/// virtual machine is moved.
pub(super) async fn a_frozen_replica_revives_nothing(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let session = Session::open(exam, &r1).await?;
    exam.say(format!("a note that takes {} ms, and meanwhile:", think()));
    let freeze = async {
        tokio::time::sleep(HAS_BEGUN).await;
        r1.pause().await;
        let end = session.end(&r2).send().await;
        tokio::time::sleep(FROZEN).await;
        r1.resume().await;
        end
    };
    let slow = session.note(&r1, &exam.word(), think()).send();
    let (slow, end) = join(slow, freeze).await;
    let (slow, end) = (slow?, end?.expect(204, "a logout is answered with 204")?);
    let help = "r1 was frozen between reading and writing, for longer than anybody waits. \
                Nothing that it knew before is sure to be so still, a lock neither";
    session.is_dead(&[&r1, &r2], help).await?;
    if end.at.0.saturating_duration_since(slow.at.0) >= THINK {
        return Err(Stop::unsure("this machine was too busy: r1 was frozen too late"));
    }
    slow.expect(401, "the session ended before the note was written")?;
    RedisSeen::of(exam)?.nothing_stays_for_ever(help).await
}
