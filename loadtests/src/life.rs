//! One virtual user: log in, wait for the others, send requests, and record the acknowledged
//! uploads.

use crate::browser::Browser;
use crate::sample::{Call, Ended};
use crate::stage::{Stage, micros};
use crate::story::Work;
use api_conformance::credential::Credential;
use api_contract::sessions::SessionStarted;
use api_contract::tokens::TokenIssued;
use api_contract::{LoginRequest, paths};
use bytes::Bytes;
use comparison::pace::Pace;
use goose::prelude::{GooseMethod, GooseUser};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use tokio::time::Instant;

/// Delay before another login attempt without a Retry-After.
const LOGIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A virtual user and its records.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) number: usize,
    pub(crate) account: LoginRequest,
    /// [`None`] after a failed login.
    pub(crate) credential: Option<Credential>,
    /// Draws the user's actions and the contents of files.
    pub(crate) dice: ChaCha8Rng,
    /// Uploads that the server has acknowledged.
    pub(crate) acknowledged: Vec<Stored>,
    /// An upload with an unknown result. It is sent again with the same idempotency key.
    pub(crate) unsure: Option<Draft>,
    /// Number of files made so far.
    pub(crate) made: usize,
    /// Waves of logins that this user did not get through.
    pub(crate) left_out: usize,
}

/// A file to upload.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// The idempotency key, the same for each attempt.
    pub(crate) key: String,
    pub(crate) bytes: Bytes,
}

/// An acknowledged upload.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) file_id: String,
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

impl Person {
    pub(crate) fn new(number: usize, account: LoginRequest, seed: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(!seed);
        dice.set_stream(number as u64);
        Self {
            number,
            account,
            credential: None,
            dice,
            acknowledged: Vec::new(),
            unsure: None,
            made: 0,
            left_out: 0,
        }
    }

    /// Exchanges the password for a credential. A new client has no cookies: with the cookie of
    /// a dead session, a login would look like a cross-site request.
    pub(crate) async fn log_in(
        &mut self,
        browser: &mut Browser<'_>,
        meant_us: u64,
    ) -> (Ended, Option<Duration>) {
        self.credential = None;
        if let Err(ended) = browser.start_anew().await {
            return (ended, None);
        }
        let sessions = browser.stage.settings.design.has_sessions();
        let path = if sessions { paths::SESSION_START } else { paths::TOKEN };
        let request = browser.request(&GooseMethod::Post, path);
        let request = request.map(|request| request.json(&self.account));
        let credential = &mut self.credential;
        let look = |body: &Bytes| {
            *credential = read_credential(sessions, body);
            match credential {
                Some(_) => Ended::Fine,
                None => Ended::Untrue("a login answer without a credential"),
            }
        };
        let answer = browser.send(Call::LogIn, meant_us, request, look).await;
        (answer.ended, answer.retry_after)
    }
}

fn read_credential(sessions: bool, body: &Bytes) -> Option<Credential> {
    Some(match sessions {
        true => {
            let started: SessionStarted = serde_json::from_slice(body).ok()?;
            Credential::Session(started.session_id)
        }
        false => {
            let issued: TokenIssued = serde_json::from_slice(body).ok()?;
            Credential::Bearer(issued.access_token)
        }
    })
}

/// The whole run of a user, as its only goose transaction: actions depend on the results of
/// earlier ones, but their times never depend on an answer.
pub(crate) async fn live(stage: &Stage, goose: &mut GooseUser) {
    let number = goose.weighted_users_index;
    let Some(mut person) = stage.take(number) else {
        return;
    };
    let mut browser = Browser::new(stage, goose, number);
    let work = stage.story.work;
    if (work == Work::Logins || person.gets_in(&mut browser).await)
        && let Some(began) = stage.ready().await
    {
        browser.writes_down = true;
        match work {
            Work::Logins => person.go_through_waves(&mut browser, began).await,
            _ => person.go_to_work(&mut browser, began).await,
        }
    }
    stage.give_back(person);
}

impl Person {
    /// Logs in before the start of the load; returns whether it succeeded.
    async fn gets_in(&mut self, browser: &mut Browser<'_>) -> bool {
        loop {
            let (ended, retry_after) = self.log_in(browser, 0).await;
            if ended == Ended::Fine {
                return true;
            }
            if !browser.stage.wait(retry_after.unwrap_or(LOGIN_RETRY_INTERVAL)).await {
                return false;
            }
        }
    }

    /// Sends requests at their intended times until the end of the load.
    async fn go_to_work(&mut self, browser: &mut Browser<'_>, began: Instant) {
        let settings = &browser.stage.settings;
        for meant in Pace::new(settings.seed, self.number, settings.pace()) {
            if !browser.stage.until(began + meant).await {
                return;
            }
            self.turn(browser, micros(meant)).await;
        }
    }

    /// Logs in at the start of each wave, and again as long as the server answers 503 with
    /// Retry-After.
    async fn go_through_waves(&mut self, browser: &mut Browser<'_>, began: Instant) {
        let settings = &browser.stage.settings;
        for meant in waves(settings.span(), settings.pace()) {
            if !browser.stage.until(began + meant).await {
                return;
            }
            let given_up = began + meant + crate::stage::USERS_TIMEOUT;
            loop {
                let (ended, retry_after) = self.log_in(browser, micros(meant)).await;
                if ended != Ended::Busy {
                    self.left_out += usize::from(ended != Ended::Fine);
                    break;
                }
                if Instant::now() > given_up {
                    self.left_out += 1;
                    break;
                }
                if !browser.stage.wait(retry_after.unwrap_or(LOGIN_RETRY_INTERVAL)).await
                {
                    self.left_out += 1;
                    return;
                }
            }
        }
    }
}

/// The starts of the waves: one at once, then one each `pace`.
fn waves(span: Duration, pace: Duration) -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(Duration::ZERO), move |last| last.checked_add(pace))
        .take_while(move |begin| *begin < span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_wave_is_immediate_and_none_starts_after_end() {
        let second = Duration::from_secs(1);
        let begins: Vec<_> = waves(10 * second, 4 * second).collect();
        assert_eq!(begins, [Duration::ZERO, 4 * second, 8 * second]);
        assert_eq!(waves(second, 5 * second).count(), 1);
    }

    #[test]
    fn credential_is_read_only_as_the_contract_defines() {
        let session = Bytes::from(r#"{"session_id":"abc","expires_in":60}"#);
        assert!(matches!(read_credential(true, &session), Some(Credential::Session(_))));
        assert!(read_credential(false, &session).is_none());
        assert!(read_credential(true, &Bytes::from("<h1>welcome</h1>")).is_none());
    }
}
