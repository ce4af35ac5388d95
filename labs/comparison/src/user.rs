//! One scripted user. The script is the same before every design; only the proof differs.

use crate::contender::Contender;
use crate::login::log_in;
use crate::pace::Pace;
use crate::series::{Ended, Sample, Series};
use api_conformance::client::{Client, Options};
use api_conformance::outcome::{Broken, Outcome};
use api_conformance::proof::Proof;
use api_contract::Credentials;
use api_contract::files::ListQuery;
use http::StatusCode;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long a user waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Of ten requests so many read a file; the others list what there is.
const READS_OF_TEN: u32 = 2;

/// A user with their file, before they log in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) credentials: Credentials,
    /// A file that they uploaded before anything is measured.
    pub(crate) file_id: String,
}

/// What the users before one design have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    began: Instant,
    pub(crate) stop: CancellationToken,
    series: Mutex<Series>,
}

impl Shared {
    /// The load begins now.
    pub(crate) fn begin(users: usize) -> Self {
        let series = Series { users, ..Series::default() };
        let stop = CancellationToken::new();
        Self { began: Instant::now(), stop, series: Mutex::new(series) }
    }

    pub(crate) fn now_us(&self) -> u64 {
        micros(self.began.elapsed())
    }

    pub(crate) fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A person with a client.
pub(crate) struct User {
    number: usize,
    person: Person,
    contender: Contender,
    url: String,
    client: Client,
    /// [`None`] after a login that did not work.
    proof: Option<Proof>,
    /// The replica that the proof came from.
    pub(crate) home: Option<String>,
    dice: ChaCha8Rng,
}

/// How a request ended, and who answered it.
type Answer = (Ended, Option<String>);

impl User {
    pub(crate) fn new(
        number: usize,
        person: Person,
        contender: Contender,
        url: &str,
        seed: u64,
    ) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(!seed);
        dice.set_stream(number as u64);
        let (url, client) = (url.to_owned(), browser(contender, url));
        Self { number, person, contender, url, client, proof: None, home: None, dice }
    }

    /// Exchanges the password for a proof; says how that ended if it did not work.
    ///
    /// A dead session's cookie would make the login a request that some other site could
    /// have forged, so who keeps cookies begins without any.
    pub(crate) async fn log_in(&mut self) -> Result<(), Answer> {
        if self.contender.needs_cookie() {
            self.client = browser(self.contender, &self.url);
        }
        let outcome =
            log_in(&self.client, self.contender, &self.person.credentials).await;
        let (proof, answer) = ending(outcome);
        self.proof = proof;
        match self.proof {
            Some(_) => {
                self.home = answer.1;
                Ok(())
            }
            None => Err(answer),
        }
    }

    /// Makes its requests when they are meant to be made, until told to stop.
    pub(crate) async fn work(mut self, pace: Pace, shared: Arc<Shared>) {
        for intended in pace {
            let awake = sleep_until(shared.began + intended);
            let stopped = shared.stop.run_until_cancelled(awake).await.is_none();
            if stopped || shared.stop.is_cancelled() {
                return;
            }
            let sent_us = shared.now_us();
            let (ended, served_by) = self.request().await;
            let sample = Sample {
                user: self.number,
                intended_us: micros(intended),
                sent_us,
                ended_us: shared.now_us(),
                ended,
                served_by,
            };
            shared.series().samples.push(sample);
            if ended == Ended::LoginLost {
                // What was refused is not sent again, or one login would be lost twice.
                let _tried_again_next_time = self.log_in().await;
            }
        }
    }

    async fn request(&mut self) -> Answer {
        if self.proof.is_none()
            && let Err(answer) = self.log_in().await
        {
            return answer;
        }
        let proof = self.proof.clone().unwrap_or(Proof::None);
        if self.dice.random_range(0..10) < READS_OF_TEN {
            return ending(self.client.content(&proof, &self.person.file_id).await).1;
        }
        let page = ListQuery { limit: Some(10), cursor: None };
        ending(self.client.list(&proof, &page).await).1
    }
}

/// A client that has no cookies yet, and keeps them if the design needs one.
fn browser(contender: Contender, url: &str) -> Client {
    let keep_cookies = contender.needs_cookie();
    Client::with(url, Options { timeout: PATIENCE, keep_cookies, ..Options::default() })
}

/// Takes an outcome apart: the body if it was done, how it ended, and who answered.
fn ending<T>(outcome: Outcome<T>) -> (Option<T>, Answer) {
    match outcome {
        Outcome::Done(reply) => {
            let served_by = reply.served_by().map(str::to_owned);
            (Some(reply.body), (Ended::Fine, served_by))
        }
        Outcome::Refused(reply) => {
            let ended = match reply.status {
                StatusCode::UNAUTHORIZED => Ended::LoginLost,
                _ => Ended::Failed,
            };
            (None, (ended, reply.served_by().map(str::to_owned)))
        }
        Outcome::Broken(Broken::NoAnswer(error)) if error.is_timeout() => {
            (None, (Ended::TimedOut, None))
        }
        Outcome::Broken(_) => (None, (Ended::Failed, None)),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
