//! One scripted user. The script is the same for every configuration; only the credential
//! differs.

use crate::demo::ledger::{Acknowledged, Entry, RequestResult as Ended};
use crate::demo::login::log_in;
use crate::demo::shared::Shared;
use api_conformance::call_result::{CallError, CallResult, Reply};
use api_conformance::client::{Client, Options};
use api_conformance::credential::Credential;
use api_conformance::digest::sha256;
use api_conformance::form::Upload;
use api_contract::LoginRequest;
use api_contract::files::ListQuery;
use api_contract::problem::Problem;
use cluster::ServerKind;
use http::StatusCode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

/// Timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause of a user between two requests, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 15..45;

/// Factor of that pause while the demo waits for Enter.
const SLOWDOWN: u32 = 20;

/// Pause of a user before the retry of a failed request.
pub(crate) const RETRY: Duration = Duration::from_millis(50);

/// A virtual user: an account, an HTTP client with cookies, and a script.
pub(crate) struct User {
    number: usize,
    credentials: LoginRequest,
    design: ServerKind,
    client: Client,
    credential: Credential,
    dice: ChaCha8Rng,
    /// An upload without an acknowledgement. The user repeats it.
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
        credentials: LoginRequest,
        seed: u64,
        shared: Arc<Shared>,
    ) -> Self {
        let options = Options {
            timeout: REQUEST_TIMEOUT,
            keep_cookies: true,
            ..Options::default()
        };
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(number as u64);
        Self {
            number,
            credentials,
            design: shared.configuration.design(),
            client: Client::with(&shared.url, options),
            credential: Credential::None,
            dice,
            pending: None,
            files: Vec::new(),
            shared,
        }
    }

    /// Logs in, then makes one request after another until stopped.
    pub(crate) async fn live(mut self) {
        self.log_in().await;
        while !self.shared.stop.is_cancelled() {
            let pause = match self.step().await {
                Ended::Fine => self.think(),
                Ended::LoginLost => {
                    self.log_in().await;
                    if self.shared.is_slowed_down() {
                        self.think()
                    } else {
                        Duration::ZERO
                    }
                }
                Ended::Failed => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn think(&mut self) -> Duration {
        let thought = Duration::from_millis(self.dice.random_range(PAUSE_MS));
        if self.shared.is_slowed_down() { thought * SLOWDOWN } else { thought }
    }

    /// Repeats the login until it succeeds. A rejected credential is not sent again, because
    /// one lost login would count twice.
    async fn log_in(&mut self) {
        while !self.try_log_in().await && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Exchanges the password for a credential. Returns whether that succeeded.
    async fn try_log_in(&mut self) -> bool {
        let outcome = log_in(&self.client, self.design, &self.credentials).await;
        let (credential, why, served_by) = ending(outcome);
        match credential {
            Some(credential) => {
                self.credential = credential;
                self.shared.ledger().login_replicas[self.number] = served_by;
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
                let outcome = self.client.list(&self.credential, &page).await;
                self.conclude("list", outcome).0
            }
            Step::Read(id) => {
                let outcome = self.client.content(&self.credential, &id).await;
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
            _ if self.shared.is_slowed_down() => Step::List,
            _ => Step::Upload,
        }
    }

    /// Uploads a file, with the same idempotency key until it is acknowledged: a repetition
    /// after a lost answer must not store a second file. `verification` checks that.
    async fn upload(&mut self) -> Ended {
        let (file, key) = match self.pending.take() {
            Some(pending) => pending,
            None => self.new_file(),
        };
        let outcome = self.client.upload_with_key(&self.credential, &file, &key).await;
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

    /// Records the request in the ledger and returns its result.
    fn conclude<T>(
        &self,
        call: &'static str,
        outcome: CallResult<T>,
    ) -> (Ended, Option<T>) {
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

/// The status, if there was one, and the reason.
type Why = (Option<StatusCode>, String);

/// The parts of a reply: the body on success, the reason otherwise, and the replica.
fn ending<T>(outcome: CallResult<T>) -> (Option<T>, Option<Why>, Option<String>) {
    match outcome {
        CallResult::Done(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (Some(reply.body), None, served_by)
        }
        CallResult::Refused(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (None, Some(refusal(&reply)), served_by)
        }
        CallResult::CallError(broken) => (None, Some(no_reply(&broken)), None),
    }
}

fn refusal(reply: &Reply<Problem>) -> Why {
    (Some(reply.status), format!("{} {}", reply.status.as_u16(), reply.body.slug()))
}

fn no_reply(broken: &CallError) -> Why {
    (None, broken.to_string())
}
