//! One scripted user. The script is the same in every lane; only the proof differs.

use crate::demo::ledger::{Acknowledged, Entry, Outcome as Ended};
use crate::demo::login::log_in;
use crate::demo::shared::Shared;
use api_conformance::client::{Client, Options};
use api_conformance::digest::sha256;
use api_conformance::form::Upload;
use api_conformance::outcome::{Broken, Outcome, Reply};
use api_conformance::proof::Proof;
use api_contract::Credentials;
use api_contract::files::ListQuery;
use api_contract::problem::Problem;
use cluster::ServerKind;
use http::StatusCode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

/// How long a user waits for an answer before asking again.
const PATIENCE: Duration = Duration::from_secs(10);

/// What users do between two requests, in milliseconds.
const THINKING_MS: std::ops::Range<u64> = 15..45;

/// How much longer that takes while somebody talks.
const RESTING: u32 = 20;

/// How long a user waits before trying again what failed.
pub(crate) const RETRY: Duration = Duration::from_millis(50);

/// A person with an account, a browser and a habit.
pub(crate) struct User {
    number: usize,
    credentials: Credentials,
    design: ServerKind,
    client: Client,
    proof: Proof,
    dice: ChaCha8Rng,
    /// An upload that has not been acknowledged yet; tried again until it is.
    pending: Option<(Upload, String)>,
    files: Vec<String>,
    shared: Arc<Shared>,
}

/// The next thing to do.
enum Step {
    List,
    Read(String),
    Upload,
}

impl User {
    pub(crate) fn new(
        number: usize,
        credentials: Credentials,
        seed: u64,
        shared: Arc<Shared>,
    ) -> Self {
        let options =
            Options { timeout: PATIENCE, keep_cookies: true, ..Options::default() };
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(number as u64);
        Self {
            number,
            credentials,
            design: shared.lane.design(),
            client: Client::with(&shared.url, options),
            proof: Proof::None,
            dice,
            pending: None,
            files: Vec::new(),
            shared,
        }
    }

    /// Logs in, then does one thing after another until told to stop.
    pub(crate) async fn live(mut self) {
        self.log_in().await;
        while !self.shared.stop.is_cancelled() {
            let pause = match self.step().await {
                Ended::Fine => self.think(),
                Ended::LoginLost => {
                    self.log_in().await;
                    if self.shared.is_resting() { self.think() } else { Duration::ZERO }
                }
                Ended::Failed => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn think(&mut self) -> Duration {
        let thought = Duration::from_millis(self.dice.random_range(THINKING_MS));
        if self.shared.is_resting() { thought * RESTING } else { thought }
    }

    /// Logs in, however often it takes: a proof that was refused is not sent again, or
    /// the same login would be lost twice.
    async fn log_in(&mut self) {
        while !self.try_log_in().await && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Exchanges the password for a proof; `false` when that did not work.
    async fn try_log_in(&mut self) -> bool {
        let outcome = log_in(&self.client, self.design, &self.credentials).await;
        let (proof, why, served_by) = ending(outcome);
        match proof {
            Some(proof) => {
                self.proof = proof;
                self.shared.ledger().homes[self.number] = served_by;
                true
            }
            None => {
                self.note("log in", Ended::Failed, why, served_by);
                false
            }
        }
    }

    /// One request of the script.
    async fn step(&mut self) -> Ended {
        match self.choose() {
            Step::List => {
                let page = ListQuery { limit: Some(10), cursor: None };
                let outcome = self.client.list(&self.proof, &page).await;
                self.conclude("list", outcome).0
            }
            Step::Read(id) => {
                let outcome = self.client.content(&self.proof, &id).await;
                self.conclude("read", outcome).0
            }
            Step::Upload => self.upload().await,
        }
    }

    fn choose(&mut self) -> Step {
        if self.pending.is_some() {
            return Step::Upload;
        }
        let any_file = self.dice.random_range(0..self.files.len().max(1));
        match (self.dice.random_range(0..10), self.files.get(any_file)) {
            (0..4, _) => Step::List,
            (4..7, Some(id)) => Step::Read(id.clone()),
            _ if self.shared.is_resting() => Step::List,
            _ => Step::Upload,
        }
    }

    /// Uploads a file, under the same key until it is acknowledged: a repetition after a
    /// lost answer must not make a second one. `read_back` counts whether it did.
    async fn upload(&mut self) -> Ended {
        let (file, key) = match self.pending.take() {
            Some(pending) => pending,
            None => self.new_file(),
        };
        let outcome = self.client.upload_with_key(&self.proof, &file, &key).await;
        let (ended, created) = self.conclude("upload", outcome);
        let mut ledger = self.shared.ledger();
        ledger.pending[self.number] = created.is_none().then(|| file.name.clone());
        match created {
            Some(created) => {
                self.files.push(created.file_id.clone());
                let sha256 = sha256(&file.bytes);
                ledger.uploads.push(Acknowledged {
                    user: self.number,
                    file_id: created.file_id,
                    echoed: created.sha256 == sha256,
                    sha256,
                });
            }
            None => self.pending = Some((file, key)),
        }
        ended
    }

    fn new_file(&mut self) -> (Upload, String) {
        let mut bytes = vec![0; self.dice.random_range(1024..8192)];
        self.dice.fill(&mut bytes[..]);
        let key = format!("user-{}-file-{}", self.number, self.dice.random::<u64>());
        (Upload::new(format!("{key}.bin"), bytes), key)
    }

    /// Writes the request into the ledger and hands on what came of it.
    fn conclude<T>(&self, call: &'static str, outcome: Outcome<T>) -> (Ended, Option<T>) {
        let (body, why, served_by) = ending(outcome);
        let ended = match (&body, &why) {
            (Some(_), _) => Ended::Fine,
            (None, Some((Some(StatusCode::UNAUTHORIZED), _))) => Ended::LoginLost,
            (None, _) => Ended::Failed,
        };
        self.note(call, ended, why, served_by);
        (ended, body)
    }

    fn note(
        &self,
        call: &'static str,
        outcome: Ended,
        why: Option<Why>,
        served_by: Option<String>,
    ) {
        let mut ledger = self.shared.ledger();
        let entry = Entry {
            user: self.number,
            phase: ledger.phase,
            outcome,
            call,
            why: why.map(|(_, text)| text),
            served_by,
            ended_ms: ledger.now_ms(),
        };
        ledger.entries.push(entry);
    }
}

/// The status, if there was one, and what was said.
type Why = (Option<StatusCode>, String);

/// Takes an outcome apart: the body if it was done, the reason if not, and who answered.
fn ending<T>(outcome: Outcome<T>) -> (Option<T>, Option<Why>, Option<String>) {
    match outcome {
        Outcome::Done(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (Some(reply.body), None, served_by)
        }
        Outcome::Refused(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (None, Some(refusal(&reply)), served_by)
        }
        Outcome::Broken(broken) => (None, Some(silence(&broken)), None),
    }
}

fn refusal(reply: &Reply<Problem>) -> Why {
    (Some(reply.status), format!("{} {}", reply.status.as_u16(), reply.body.slug()))
}

fn silence(broken: &Broken) -> Why {
    (None, broken.to_string())
}
