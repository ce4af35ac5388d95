//! p2-02, no lost updates: sessions in Redis that two replicas change at the same time.

mod races;
mod time;

use crate::redis_seen::RedisSeen;
use grader::client::{Call, Reply};
use grader::{Exam, Outcome, Replica, Stop, Suite, require, suite};
use http::Method;
use races::{
    a_frozen_replica_revives_nothing, a_logout_in_the_middle_of_an_update_stays,
    a_logout_in_the_middle_of_many_looks_stays, a_slow_update_overwrites_nothing,
    updates_at_once_are_all_kept,
};
use serde_json::json;
use time::{every_key_has_an_expiry, old_age_ends_a_session, silence_ends_a_session};

pub(crate) const SUITE: Suite = suite!("p2-02-no-lost-updates":
    every_replica_knows_a_session,
    a_logout_is_one_everywhere,
    a_slow_update_overwrites_nothing,
    updates_at_once_are_all_kept,
    a_logout_in_the_middle_of_an_update_stays,
    a_logout_in_the_middle_of_many_looks_stays,
    a_frozen_replica_revives_nothing,
    every_key_has_an_expiry,
    silence_ends_a_session,
    old_age_ends_a_session,
    an_empty_redis_knows_nobody,
);

/// Somebody's session; which replica answers is chosen anew for each request.
#[derive(Debug)]
struct Session<'a> {
    exam: &'a Exam,
    user: String,
    id: String,
    /// The login.
    login: Reply,
}

impl<'a> Session<'a> {
    async fn open(exam: &'a Exam, at: &Replica) -> Result<Self, Stop> {
        let user = exam.user();
        Self::opened(exam, Self::login(exam, at, &user), user).await
    }

    /// One of many.
    async fn open_unseen(exam: &'a Exam, at: &Replica) -> Result<Self, Stop> {
        let user = exam.user();
        Self::opened(exam, Self::login(exam, at, &user).unseen(), user).await
    }

    fn login(exam: &Exam, at: &Replica, user: &str) -> Call {
        exam.post(&at.url(), "/api/session/start").json(&json!({ "username": user }))
    }

    async fn opened(exam: &'a Exam, login: Call, user: String) -> Result<Self, Stop> {
        let help = "look at what the program wrote: why does `create` fail?";
        let login = login.send().await?.expect(201, help)?;
        let id = login.field("session_id")?;
        Ok(Self { exam, user, id, login })
    }

    fn look(&self, at: &Replica) -> Call {
        self.exam.get(&at.url(), "/api/session").header("X-Session-ID", &self.id)
    }

    /// A note that takes so long to think of.
    fn note(&self, at: &Replica, text: &str, think_ms: u64) -> Call {
        let mut body = json!({ "text": text });
        if think_ms > 0 {
            body["think_ms"] = think_ms.into();
        }
        let call = self.exam.post(&at.url(), "/api/session/notes");
        call.header("X-Session-ID", &self.id).json(&body)
    }

    fn end(&self, at: &Replica) -> Call {
        let call = self.exam.call(Method::POST, &at.url(), "/api/session/end");
        call.header("X-Session-ID", &self.id)
    }

    /// Alive, this user's, with these notes in any order.
    async fn holds(&self, at: &Replica, notes: &[String], help: &str) -> Outcome {
        let reply = self.look(at).send().await?.expect(200, help)?;
        let seen = reply.json();
        let mut kept: Vec<String> =
            serde_json::from_value(seen["notes"].clone()).unwrap_or_default();
        let mut notes = notes.to_vec();
        kept.sort_unstable();
        notes.sort_unstable();
        let expected = json!({ "username": self.user, "notes": notes }).to_string();
        let holds = seen["username"] == self.user.as_str() && kept == notes;
        require(holds, expected, reply.shown(), help)
    }

    /// The id leads nowhere, at any replica.
    async fn is_dead(&self, replicas: &[&Replica], help: &str) -> Outcome {
        for at in replicas {
            self.look(at).send().await?.expect(401, help)?;
        }
        Ok(())
    }
}

async fn two(exam: &Exam) -> Result<(Replica, Replica), Stop> {
    Ok((exam.start(&[]).await?, exam.start(&[]).await?))
}

async fn every_replica_knows_a_session(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let (mine, yours) =
        (Session::open(exam, &r1).await?, Session::open(exam, &r2).await?);
    let help = "what one replica writes into Redis, the other reads";
    let note = exam.word();
    mine.note(&r2, &note, 0).send().await?.expect(201, help)?;
    mine.holds(&r1, std::slice::from_ref(&note), help).await?;
    r1.kill().await;
    mine.holds(&r2, std::slice::from_ref(&note), "a session does not live in a replica")
        .await?;
    yours.holds(&r2, &[], "each session has notes of its own").await?;
    r1.restart().await?;
    mine.holds(&r1, &[note], "a session does not live in a replica").await?;
    let nobody = Session { id: exam.word(), ..mine };
    nobody
        .is_dead(&[&r1, &r2], "an id under which nothing was created leads nowhere")
        .await
}

async fn a_logout_is_one_everywhere(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let (mine, yours) =
        (Session::open(exam, &r1).await?, Session::open(exam, &r1).await?);
    let help = "after a logout the id is worth nothing, at any replica";
    mine.holds(&r1, &[], help).await?;
    mine.end(&r2).send().await?.expect(204, help)?;
    mine.is_dead(&[&r1, &r2], help).await?;
    mine.note(&r1, &exam.word(), 0).send().await?.expect(401, help)?;
    mine.is_dead(&[&r1, &r2], "a change of what is gone must not bring it back").await?;
    mine.end(&r1).send().await?.expect(204, "to log out twice is no mistake")?;
    yours.holds(&r2, &[], "a logout ends one session, not all of them").await
}

/// What a replica remembers by itself, no other replica can end.
async fn an_empty_redis_knows_nobody(exam: &Exam) -> Outcome {
    let (r1, r2) = two(exam).await?;
    let session = Session::open(exam, &r1).await?;
    session.holds(&r1, &[], "a new session is alive").await?;
    session.holds(&r2, &[], "a new session is alive").await?;
    RedisSeen::of(exam)?.empty().await?;
    let help = "the sessions are in Redis, and it is empty: who still knows this one?";
    session.is_dead(&[&r1, &r2], help).await
}
