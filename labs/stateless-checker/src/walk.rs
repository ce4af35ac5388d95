//! One user on one route: each step goes to the instance of the route, up to the first wrong
//! reply.

use crate::description::{Description, Step};
use crate::exchange::{Prepared, Reply, in_short};
use crate::expectation::{Wrong, judge, wanted};
use crate::instances::Instance;
use crate::user::User;
use api_contract::headers::SERVED_BY;
use serde::Serialize;
use std::time::{Duration, Instant};

/// The interval between two requests for a reply that may become right.
const AGAIN: Duration = Duration::from_millis(25);

/// One step and its reply.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// From 1.
    pub number: usize,
    /// The step's name.
    pub step: String,
    /// The instance that got the request.
    pub instance: String,
    /// The replica that answered, if the reply names it.
    pub served_by: Option<String>,
    /// The request as a curl command.
    pub curl: String,
    /// The expected reply.
    pub expected: String,
    /// The actual reply.
    pub actual: String,
    /// Whether the reply is right.
    pub ok: bool,
}

/// The progress of a user.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) user: User,
    pub(crate) transcript: Vec<Event>,
    /// The first failed step, and its failure. No request follows it.
    pub(crate) wrong: Option<(usize, Wrong)>,
    /// Steps with a reply that set a cookie.
    pub(crate) gave_cookies: Vec<usize>,
}

/// A line of a transcript.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A request and its reply.
    Exchange(Exchange),
    /// An action on the instances between two requests.
    Note {
        /// The action.
        note: String,
    },
}

impl Walk {
    pub(crate) const fn new(user: User) -> Self {
        Self { user, transcript: Vec::new(), wrong: None, gave_cookies: Vec::new() }
    }

    /// Sends one step to one instance, unless an earlier one failed.
    pub(crate) async fn step(
        &mut self,
        client: &reqwest::Client,
        description: &Description,
        number: usize,
        at: &Instance,
    ) {
        if self.wrong.is_some() {
            return;
        }
        let step = &description.steps[number];
        let prepared = Prepared::new(step, &self.user, at);
        let (reply, judged) = ask(client, step, &prepared, &self.user).await;
        if let Some(reply) = &reply
            && self.user.remember(&reply.headers)
        {
            self.gave_cookies.push(number);
        }
        let (expected, actual) = match &judged {
            Ok(_) => (wanted(&step.status), reply.as_ref().map(in_short)),
            Err(wrong @ Wrong::Status { .. }) => {
                (wrong.sides().0, reply.as_ref().map(in_short))
            }
            Err(wrong) => (wrong.sides().0, Some(wrong.sides().1)),
        };
        self.transcript.push(Event::Exchange(Exchange {
            number: number + 1,
            step: step.name.clone(),
            instance: at.name.clone(),
            served_by: reply.as_ref().and_then(served_by),
            curl: prepared.curl(),
            expected,
            actual: actual.unwrap_or_default(),
            ok: judged.is_ok(),
        }));
        match judged {
            Ok(kept) => kept.into_iter().for_each(|(k, v)| self.user.learn(&k, v)),
            Err(wrong) => self.wrong = Some((number, wrong)),
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.transcript.push(Event::Note { note: note.into() });
    }
}

/// Repeats a request until the reply is right, or its time is over.
async fn ask(
    client: &reqwest::Client,
    step: &Step,
    prepared: &Prepared,
    user: &User,
) -> (Option<Reply>, Result<Vec<(String, serde_json::Value)>, Wrong>) {
    let deadline = Instant::now() + step.settle();
    loop {
        let (reply, judged) = match prepared.send(client).await {
            Ok(reply) => {
                let judged = judge(step, &user.known, &reply);
                (Some(reply), judged)
            }
            Err(error) => (None, Err(Wrong::NotAnswered(no_answer(&error)))),
        };
        if judged.is_ok() || Instant::now() >= deadline {
            return (reply, judged);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// An error with its cause, which contains "connection refused".
fn no_answer(error: &anyhow::Error) -> String {
    let cause = error.chain().last().map(ToString::to_string);
    format!("no answer: {}", cause.unwrap_or_default())
}

fn served_by(reply: &Reply) -> Option<String> {
    reply.headers.get(SERVED_BY)?.to_str().ok().map(str::to_owned)
}
