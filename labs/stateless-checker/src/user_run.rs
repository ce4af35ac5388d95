//! One user on one route: each step goes to the instance of the route, up to the first wrong
//! reply.

use crate::description::{Description, Step};
use crate::exchange::{request_of, summary};
use crate::expectation::{Mismatch, compare, expected_status};
use crate::instances::Instance;
use crate::user::User;
use bytes::Bytes;
use client::{CallError, CurlStyle, PrintedRequest, Reply};
use serde::Serialize;
use std::time::{Duration, Instant};

/// The interval between two requests for a reply that may become right.
const RETRY_INTERVAL: Duration = Duration::from_millis(25);

/// Largest reply in bytes.
const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;

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
pub(crate) struct UserRun {
    pub(crate) user: User,
    pub(crate) transcript: Vec<TranscriptEntry>,
    /// The first failed step, and its failure. No request follows it.
    pub(crate) mismatch: Option<(usize, Mismatch)>,
    /// Steps with a reply that set a cookie.
    pub(crate) cookie_steps: Vec<usize>,
}

/// A line of a transcript.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum TranscriptEntry {
    /// A request and its reply.
    Exchange(Exchange),
    /// An action on the instances between two requests.
    Note {
        /// The action.
        note: String,
    },
}

impl UserRun {
    pub(crate) const fn new(user: User) -> Self {
        Self { user, transcript: Vec::new(), mismatch: None, cookie_steps: Vec::new() }
    }

    /// Sends one step to one instance, unless an earlier one failed.
    pub(crate) async fn step(
        &mut self,
        client: &reqwest::Client,
        description: &Description,
        number: usize,
        at: &Instance,
    ) {
        if self.mismatch.is_some() {
            return;
        }
        let step = &description.steps[number];
        let prepared = request_of(step, &self.user, at);
        let (reply, compared) =
            send_until_correct(client, step, &prepared, &self.user).await;
        if let Some(reply) = &reply
            && self.user.store_cookies(&reply.headers)
        {
            self.cookie_steps.push(number);
        }
        let (expected, actual) = match &compared {
            Ok(_) => (expected_status(&step.status), reply.as_ref().map(summary)),
            Err(mismatch @ Mismatch::Status { .. }) => {
                (mismatch.expected_and_actual().0, reply.as_ref().map(summary))
            }
            Err(mismatch) => {
                (mismatch.expected_and_actual().0, Some(mismatch.expected_and_actual().1))
            }
        };
        self.transcript.push(TranscriptEntry::Exchange(Exchange {
            number: number + 1,
            step: step.name.clone(),
            instance: at.name.clone(),
            served_by: reply.as_ref().and_then(Reply::served_by).map(str::to_owned),
            curl: prepared.curl(CurlStyle::Full),
            expected,
            actual: actual.unwrap_or_default(),
            ok: compared.is_ok(),
        }));
        match compared {
            Ok(captured) => {
                captured.into_iter().for_each(|(k, v)| self.user.set_value(&k, v))
            }
            Err(mismatch) => self.mismatch = Some((number, mismatch)),
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.transcript.push(TranscriptEntry::Note { note: note.into() });
    }
}

/// Repeats a request until the reply is right, or its time is over.
async fn send_until_correct(
    client: &reqwest::Client,
    step: &Step,
    prepared: &PrintedRequest,
    user: &User,
) -> (Option<Reply<Bytes>>, Result<Vec<(String, serde_json::Value)>, Mismatch>) {
    let deadline = Instant::now() + step.settle();
    loop {
        let (reply, compared) = match prepared.send(client, MAX_REPLY_BYTES).await {
            Ok(reply) => {
                let compared = compare(step, &user.values, &reply);
                (Some(reply), compared)
            }
            Err(error) => (None, Err(Mismatch::NoAnswer(no_answer(error)))),
        };
        if compared.is_ok() || Instant::now() >= deadline {
            return (reply, compared);
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    }
}

/// An error with its cause, which contains "connection refused".
fn no_answer(error: CallError) -> String {
    let cause = anyhow::Error::from(error).chain().last().map(ToString::to_string);
    format!("no answer: {}", cause.unwrap_or_default())
}
