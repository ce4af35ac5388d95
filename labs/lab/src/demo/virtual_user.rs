//! One scripted user. The script is the same for every configuration; only the credential
//! differs.

use crate::demo::ledger::{AcknowledgedUpload, Entry, RequestResult};
use crate::demo::login::log_in;
use crate::demo::shared::SharedState;
use api_contract::LoginRequest;
use api_contract::files::ListQuery;
use api_contract::problem::Problem;
use client::digest::sha256;
use client::{CallError, CallResult, Client, Credential, Options, Reply, Upload};
use http::StatusCode;
use launcher::ServerKind;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::whole_micros;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Timeout of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause of a user between two requests, in milliseconds.
const THINK_TIME_MS: std::ops::Range<u64> = 15..45;

/// Factor of that pause while the demo waits for Enter.
const SLOWDOWN_FACTOR: u32 = 20;

/// Pause of a user before the retry of a failed request.
pub(crate) const RETRY_DELAY: Duration = Duration::from_millis(50);

/// A virtual user: an account, an HTTP client with cookies, and a script.
pub(crate) struct VirtualUser {
    number: usize,
    account: LoginRequest,
    design: ServerKind,
    client: Client,
    credential: Credential,
    rng: ChaCha8Rng,
    /// An upload without an acknowledgement. The user repeats it.
    pending: Option<(Upload, String)>,
    files: Vec<String>,
    /// The start of the current request.
    sent_at: Instant,
    shared: Arc<SharedState>,
}

/// The next thing to do.
enum Action {
    List,
    Read(String),
    Upload,
}

impl VirtualUser {
    pub(crate) fn new(
        number: usize,
        account: LoginRequest,
        seed: u64,
        shared: Arc<SharedState>,
    ) -> Self {
        let options = Options {
            timeout: REQUEST_TIMEOUT,
            keep_cookies: true,
            ..Options::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number as u64);
        Self {
            number,
            account,
            design: shared.configuration.design(),
            client: Client::with(&shared.url, options),
            credential: Credential::None,
            rng,
            pending: None,
            files: Vec::new(),
            sent_at: Instant::now(),
            shared,
        }
    }

    /// Logs in, then makes one request after another until stopped.
    pub(crate) async fn run(mut self) {
        self.log_in().await;
        while !self.shared.stop.is_cancelled() {
            let pause = match self.execute_next().await {
                RequestResult::Success => self.think_time(),
                RequestResult::LoginLost => {
                    self.log_in().await;
                    if self.shared.is_slowed_down() {
                        self.think_time()
                    } else {
                        Duration::ZERO
                    }
                }
                RequestResult::Failed => RETRY_DELAY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn think_time(&mut self) -> Duration {
        let pause = Duration::from_millis(self.rng.random_range(THINK_TIME_MS));
        if self.shared.is_slowed_down() { pause * SLOWDOWN_FACTOR } else { pause }
    }

    /// Repeats the login until it succeeds. A rejected credential is not sent again, because
    /// one lost login would count twice.
    async fn log_in(&mut self) {
        while !self.try_log_in().await && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    /// Exchanges the password for a credential. Returns whether that succeeded.
    async fn try_log_in(&mut self) -> bool {
        self.sent_at = Instant::now();
        let outcome = log_in(&self.client, self.design, &self.account).await;
        let (credential, why, served_by) = split_reply(outcome);
        match credential {
            Some(credential) => {
                self.credential = credential;
                self.shared.ledger().login_replicas[self.number] = served_by;
                true
            }
            None => {
                self.record("log in", RequestResult::Failed, why, served_by);
                false
            }
        }
    }

    /// One request of the script.
    async fn execute_next(&mut self) -> RequestResult {
        let action = self.next_action();
        self.sent_at = Instant::now();
        match action {
            Action::List => {
                let page = ListQuery { limit: Some(10), cursor: None };
                let outcome = self.client.list(&self.credential, &page).await;
                self.record_call("list", outcome).0
            }
            Action::Read(id) => {
                let outcome = self.client.content(&self.credential, &id).await;
                self.record_call("read", outcome).0
            }
            Action::Upload => self.upload().await,
        }
    }

    fn next_action(&mut self) -> Action {
        if self.pending.is_some() {
            return Action::Upload;
        }
        let any_file = self.rng.random_range(0..self.files.len().max(1));
        match (self.rng.random_range(0..10), self.files.get(any_file)) {
            (0..4, _) => Action::List,
            (4..7, Some(id)) => Action::Read(id.clone()),
            _ if self.shared.is_slowed_down() => Action::List,
            _ => Action::Upload,
        }
    }

    /// Uploads a file, with the same idempotency key until it is acknowledged: a repetition
    /// after a lost answer must not store a second file. `verification` checks that.
    async fn upload(&mut self) -> RequestResult {
        let (file, key) = match self.pending.take() {
            Some(pending) => pending,
            None => self.new_file(),
        };
        let outcome = self.client.upload_with_key(&self.credential, &file, &key).await;
        let (result, created) = self.record_call("upload", outcome);
        let mut ledger = self.shared.ledger();
        ledger.pending[self.number] = created.is_none().then(|| file.name.clone());
        match created {
            Some(created) => {
                self.files.push(created.file_id.clone());
                let sha256 = sha256(&file.bytes);
                ledger.uploads.push(AcknowledgedUpload {
                    user: self.number,
                    file_id: created.file_id,
                    hash_matches: created.sha256 == sha256,
                    sha256,
                });
            }
            None => self.pending = Some((file, key)),
        }
        result
    }

    fn new_file(&mut self) -> (Upload, String) {
        let mut bytes = vec![0; self.rng.random_range(1024..8192)];
        self.rng.fill(&mut bytes[..]);
        let key = format!("user-{}-file-{}", self.number, self.rng.random::<u64>());
        (Upload::new(format!("{key}.bin"), bytes), key)
    }

    /// Records the request in the ledger and returns its result.
    fn record_call<T>(
        &self,
        call: &'static str,
        outcome: CallResult<T>,
    ) -> (RequestResult, Option<T>) {
        let (body, why, served_by) = split_reply(outcome);
        let result = match (&body, &why) {
            (Some(_), _) => RequestResult::Success,
            (None, Some((Some(StatusCode::UNAUTHORIZED), _))) => RequestResult::LoginLost,
            (None, _) => RequestResult::Failed,
        };
        self.record(call, result, why, served_by);
        (result, body)
    }

    fn record(
        &self,
        call: &'static str,
        outcome: RequestResult,
        why: Option<FailureReason>,
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
            took_us: whole_micros(self.sent_at.elapsed()),
        };
        ledger.entries.push(entry);
    }
}

/// The status, if there was one, and the reason.
type FailureReason = (Option<StatusCode>, String);

/// The parts of a reply: the body on success, the reason otherwise, and the replica.
fn split_reply<T>(
    outcome: CallResult<T>,
) -> (Option<T>, Option<FailureReason>, Option<String>) {
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

fn refusal(reply: &Reply<Problem>) -> FailureReason {
    (Some(reply.status), format!("{} {}", reply.status.as_u16(), reply.body.slug()))
}

fn no_reply(broken: &CallError) -> FailureReason {
    (None, broken.to_string())
}
