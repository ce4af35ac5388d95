//! p1-01, the life of a session: birth, growth, silence, old age, death.

mod ids;
mod lifetimes;

use futures_util::stream::{self, StreamExt};
use grader::client::Reply;
use grader::{Exam, Outcome, Replica, Stop, Suite, require, suite};
use ids::ids_cannot_be_guessed;
use lifetimes::{
    old_age_ends_a_session, silence_ends_a_session, use_keeps_a_session_alive,
};
use serde_json::{Value, json};

pub(crate) const SUITE: Suite = suite!("p1-01-life-of-a-session":
    a_login_opens_a_session,
    every_login_has_an_id_of_its_own,
    ids_cannot_be_guessed,
    a_login_ends_the_session_it_came_with,
    a_session_grows,
    notes_sent_at_once_are_all_kept,
    silence_ends_a_session,
    use_keeps_a_session_alive,
    old_age_ends_a_session,
    a_logout_ends_the_session_everywhere,
    a_crash_ends_every_session,
);

const PASSWORD: &str = "correct-horse";

/// Requests under way at one time, where many are sent.
const AT_ONCE: usize = 32;

/// Somebody's session, and where it is.
struct Session<'a> {
    exam: &'a Exam,
    server: &'a Replica,
    user: String,
    id: String,
    /// The login.
    login: Reply,
}

impl<'a> Session<'a> {
    async fn open(exam: &'a Exam, server: &'a Replica, user: &str) -> Result<Self, Stop> {
        Self::open_with(exam, server, user, None).await
    }

    /// Logs in, with the id of an older session if there is one.
    async fn open_with(
        exam: &'a Exam,
        server: &'a Replica,
        user: &str,
        old_id: Option<&str>,
    ) -> Result<Self, Stop> {
        let login = json!({ "username": user, "password": PASSWORD });
        let mut call = exam.post(&server.url(), "/api/session/start").json(&login);
        if let Some(old_id) = old_id {
            call = call.header("X-Session-ID", old_id);
        }
        let help = "a login with the right password is answered by the finished part";
        let login = call.send().await?.expect(201, help)?;
        let id = login.field("session_id")?;
        Ok(Self { exam, server, user: user.to_owned(), id, login })
    }

    async fn look(&self) -> Result<Reply, Stop> {
        let call = self.exam.get(&self.server.url(), "/api/session");
        call.header("X-Session-ID", &self.id).send().await
    }

    async fn add(&self, text: &str) -> Result<Reply, Stop> {
        let call = self.exam.post(&self.server.url(), "/api/session/notes");
        let call = call.header("X-Session-ID", &self.id);
        call.json(&json!({ "text": text })).send().await
    }

    async fn end(&self) -> Result<Reply, Stop> {
        let call =
            self.exam.call(http::Method::POST, &self.server.url(), "/api/session/end");
        call.header("X-Session-ID", &self.id).send().await
    }

    /// The session is alive, and it is this user's with these notes.
    async fn holds(&self, notes: &[String], help: &str) -> Outcome {
        let reply = self.look().await?.expect(200, help)?;
        let expected = json!({ "username": self.user, "notes": notes });
        require(reply.json() == expected, expected.to_string(), reply.shown(), help)
    }

    /// The id leads nowhere.
    async fn is_dead(&self, help: &str) -> Outcome {
        self.look().await?.expect(401, help).map(drop)
    }
}

async fn a_login_opens_a_session(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let help = "`start` has to remember the user under the id that it returns, and `look` \
                has to find them there";
    session.holds(&[], help).await?;
    let nobody = Session { id: exam.word(), ..session };
    nobody.is_dead("an id that `start` never returned leads nowhere").await
}

async fn every_login_has_an_id_of_its_own(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let user = exam.user();
    let first = Session::open(exam, &server, &user).await?;
    let second = Session::open(exam, &server, &user).await?;
    let help = "is the id made of something that both logins have in common?";
    let actual = format!("twice {}", first.id);
    require(first.id != second.id, "two different ids", actual, help)?;
    let help = "each login has a session of its own: is one found by the user's name?";
    second.holds(&[], help).await?;
    first.holds(&[], help).await
}

async fn a_login_ends_the_session_it_came_with(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let before = Session::open(exam, &server, &exam.user()).await?;
    let user = exam.user();
    let after = Session::open_with(exam, &server, &user, Some(&before.id)).await?;
    let help = "somebody may have planted the old id: whoever logs in gets a new one";
    let actual = format!("again {}", before.id);
    require(after.id != before.id, "a new id", actual, help)?;
    after.holds(&[], help).await?;
    before.is_dead("the id that came with the login is `old_id` in `start`").await
}

/// Two sessions of one user, so that a store which finds them by the user shows.
async fn a_session_grows(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let user = exam.user();
    let one = Session::open(exam, &server, &user).await?;
    let other = Session::open(exam, &server, &user).await?;
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for _ in 0..exam.number(4, 8) {
        let mine = exam.number(0, 2) == 0;
        let (session, notes) =
            if mine { (&one, &mut ones) } else { (&other, &mut others) };
        let note = exam.word();
        let help =
            "`add_note` adds to a session that is alive, and returns how many it has";
        let reply = session.add(&note).await?.expect(201, help)?;
        notes.push(note);
        let (count, expected) = (reply.json()["notes"].clone(), Value::from(notes.len()));
        require(count == expected, format!("notes: {expected}"), reply.shown(), help)?;
    }
    let help = "each session has notes of its own, in the order in which they came";
    one.holds(&ones, help).await?;
    other.holds(&others, help).await
}

/// Many, because one in some hundred is lost if the lock is let go for a moment between
/// reading and writing.
async fn notes_sent_at_once_are_all_kept(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    let mut notes: Vec<_> = (0..exam.number(1_900, 2_100)).map(|_| exam.word()).collect();
    exam.say(format!("{} notes, always {AT_ONCE} at the same time", notes.len()));
    exam.transcript().quiet(true);
    let adding: Vec<_> = notes.iter().map(|note| session.add(note)).collect();
    let replies: Vec<_> = stream::iter(adding).buffer_unordered(AT_ONCE).collect().await;
    let kept = session.look().await;
    exam.transcript().quiet(false);
    let help = "is the lock held from reading the session to writing it?";
    for reply in replies {
        reply?.expect(201, help)?;
    }
    let kept = kept?.expect(200, help)?.json();
    let mut kept: Vec<String> =
        serde_json::from_value(kept["notes"].clone()).unwrap_or_default();
    let actual = format!("{} notes", kept.len());
    require(kept.len() == notes.len(), format!("{} notes", notes.len()), actual, help)?;
    kept.sort_unstable();
    notes.sort_unstable();
    require(kept == notes, "the notes that were sent", "others", help)
}

async fn a_logout_ends_the_session_everywhere(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let user = exam.user();
    let laptop = Session::open(exam, &server, &user).await?;
    let phone = Session::open(exam, &server, &user).await?;
    laptop.end().await?.expect(204, "the finished part answers a logout with 204")?;
    let help = "who still has the id after a logout, and what is it worth to them?";
    laptop.is_dead(help).await?;
    laptop.add("still here").await?.expect(401, help)?;
    phone.holds(&[], "a logout ends one session, not all sessions of the user").await
}

/// A store that outlives its process is another design, and another exercise.
async fn a_crash_ends_every_session(exam: &Exam) -> Outcome {
    let server = exam.start(&[]).await?;
    let session = Session::open(exam, &server, &exam.user()).await?;
    session.look().await?.expect(200, "`look` finds a session that is alive")?;
    server.kill().await;
    server.restart().await?;
    let help = "this store lives in the memory of the process: is something written to a \
                file, or is the user's name in the id?";
    session.is_dead(help).await
}
