//! One scripted user. The script is the same for every design; only the credential differs.

use crate::login::log_in;
use crate::request_schedule::RequestSchedule;
use crate::series::{RequestResult, Sample, Series};
use api_contract::LoginRequest;
use api_contract::design::Design;
use api_contract::files::ListQuery;
use client::{CallError, CallResult, Client, Credential, Options};
use http::StatusCode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use report::statistics::whole_micros;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Limit for one answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Of ten requests this number reads a file; the others list files.
const READS_OF_TEN: u32 = 2;

/// A user with an uploaded file, before login.
#[derive(Clone, Debug)]
pub(crate) struct PreparedUser {
    pub(crate) account: LoginRequest,
    /// A file from the preparation of the scenario.
    pub(crate) file_id: String,
}

/// State that the users of one design share.
#[derive(Debug)]
pub(crate) struct LoadState {
    started_at: Instant,
    pub(crate) stop: CancellationToken,
    series: Mutex<Series>,
}

impl LoadState {
    /// The load starts now.
    pub(crate) fn start(users: usize) -> Self {
        let series = Series { users, ..Series::default() };
        let stop = CancellationToken::new();
        Self { started_at: Instant::now(), stop, series: Mutex::new(series) }
    }

    pub(crate) fn now_us(&self) -> u64 {
        whole_micros(self.started_at.elapsed())
    }

    pub(crate) fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user with an HTTP client.
pub(crate) struct VirtualUser {
    number: usize,
    prepared: PreparedUser,
    design: Design,
    url: String,
    client: Client,
    /// [`None`] after a failed login.
    credential: Option<Credential>,
    /// The replica of the login.
    pub(crate) login_replica: Option<String>,
    rng: ChaCha8Rng,
}

/// The result of a request, and the replica that answered it.
type Answer = (RequestResult, Option<String>);

impl VirtualUser {
    pub(crate) fn new(
        number: usize,
        prepared: PreparedUser,
        design: Design,
        url: &str,
        seed: u64,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        rng.set_stream(number as u64);
        let (url, client) = (url.to_owned(), new_client(design, url));
        Self {
            number,
            prepared,
            design,
            url,
            client,
            credential: None,
            login_replica: None,
            rng,
        }
    }

    /// Exchanges the password for a credential; returns the result of a failed login.
    pub(crate) async fn log_in(&mut self) -> Result<(), Answer> {
        if self.design.needs_cookie() {
            self.client = new_client(self.design, &self.url);
        }
        let outcome = log_in(&self.client, self.design, &self.prepared.account).await;
        let (credential, answer) = classify(outcome);
        self.credential = credential;
        match self.credential {
            Some(_) => {
                self.login_replica = answer.1;
                Ok(())
            }
            None => Err(answer),
        }
    }

    /// Sends requests at their intended times until it is stopped.
    pub(crate) async fn run(mut self, pace: RequestSchedule, shared: Arc<LoadState>) {
        for intended in pace {
            let awake = sleep_until(shared.started_at + intended);
            let stopped = shared.stop.run_until_cancelled(awake).await.is_none();
            if stopped || shared.stop.is_cancelled() {
                return;
            }
            let sent_us = shared.now_us();
            let (result, served_by) = self.request().await;
            let sample = Sample {
                user: self.number,
                intended_us: whole_micros(intended),
                sent_us,
                completed_us: shared.now_us(),
                result,
                served_by,
            };
            shared.series().samples.push(sample);
            if result == RequestResult::LoginLost {
                // A refused request is not repeated, or one lost login would count twice.
                let _tried_again_next_time = self.log_in().await;
            }
        }
    }

    async fn request(&mut self) -> Answer {
        if self.credential.is_none()
            && let Err(answer) = self.log_in().await
        {
            return answer;
        }
        let credential = self.credential.clone().unwrap_or(Credential::None);
        if self.rng.random_range(0..10) < READS_OF_TEN {
            return classify(
                self.client.content(&credential, &self.prepared.file_id).await,
            )
            .1;
        }
        let page = ListQuery { limit: Some(10), cursor: None };
        classify(self.client.list(&credential, &page).await).1
    }
}

/// A client without cookies; it stores cookies if the design needs one.
fn new_client(design: Design, url: &str) -> Client {
    let keep_cookies = design.needs_cookie();
    Client::with(
        url,
        Options { timeout: ANSWER_TIMEOUT, keep_cookies, ..Options::default() },
    )
}

/// Splits an outcome into the body of a success, the result, and the answering replica.
fn classify<T>(outcome: CallResult<T>) -> (Option<T>, Answer) {
    match outcome {
        CallResult::Done(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (Some(reply.body), (RequestResult::Success, served_by))
        }
        CallResult::Refused(reply) => {
            let result = match reply.status {
                StatusCode::UNAUTHORIZED => RequestResult::LoginLost,
                _ => RequestResult::Failed,
            };
            (None, (result, reply.served_by().map(str::to_owned)))
        }
        CallResult::CallError(CallError::NoResponse(error)) if error.is_timeout() => {
            (None, (RequestResult::TimedOut, None))
        }
        CallResult::CallError(_) => (None, (RequestResult::Failed, None)),
    }
}
