//! One virtual user: log in, wait for the others, send requests, and record the acknowledged
//! uploads.

use crate::load_test::Workload;
use crate::run_state::RunState;
use crate::sample::{Call, RequestResult};
use crate::user_client::UserClient;
use api_contract::LoginRequest;
use api_contract::sessions::SessionStarted;
use api_contract::tokens::TokenIssued;
use bytes::Bytes;
use client::{AuthScheme, Credential, Login};
use goose::prelude::{GooseMethod, GooseUser};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use report::statistics::whole_micros;
use std::time::Duration;
use tokio::time::Instant;
use workload::content::TestFile;
use workload::request_schedule::RequestSchedule;

/// Delay before another login attempt without a Retry-After.
const LOGIN_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// A virtual user and its records.
#[derive(Debug)]
pub(crate) struct VirtualUser {
    pub(crate) number: usize,
    pub(crate) account: LoginRequest,
    /// [`None`] after a failed login.
    pub(crate) credential: Option<Credential>,
    /// Draws the user's actions and the contents of files.
    pub(crate) rng: ChaCha8Rng,
    /// Uploads that the server has acknowledged.
    pub(crate) acknowledged: Vec<AcknowledgedUpload>,
    /// An upload with an unknown result. It is sent again with the same idempotency key.
    pub(crate) unconfirmed_upload: Option<TestFile>,
    /// Number of files made so far.
    pub(crate) files_created: usize,
    /// Waves of logins that this user did not get through.
    pub(crate) failed_waves: usize,
}

/// An acknowledged upload.
#[derive(Clone, Debug)]
pub(crate) struct AcknowledgedUpload {
    pub(crate) file_id: String,
    pub(crate) file: TestFile,
}

impl VirtualUser {
    pub(crate) fn new(number: usize, account: LoginRequest, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(!seed);
        rng.set_stream(number as u64);
        Self {
            number,
            account,
            credential: None,
            rng,
            acknowledged: Vec::new(),
            unconfirmed_upload: None,
            files_created: 0,
            failed_waves: 0,
        }
    }

    /// Exchanges the password for a credential. A new client has no cookies: with the cookie of
    /// a dead session, a login would look like a cross-site request.
    pub(crate) async fn log_in(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) -> (RequestResult, Option<Duration>) {
        self.credential = None;
        if let Err(result) = client.reset_client().await {
            return (result, None);
        }
        let auth_scheme = AuthScheme::from(client.run_state.settings.design);
        let request = client.request(&GooseMethod::Post, auth_scheme.login_path());
        let request = request.map(|request| request.json(&self.account));
        let credential = &mut self.credential;
        let validate = |body: &Bytes| {
            *credential = parse_credential(auth_scheme, body);
            match credential {
                Some(_) => RequestResult::Success,
                None => {
                    RequestResult::IncorrectAnswer("a login answer without a credential")
                }
            }
        };
        let answer = client.send(Call::LogIn, intended_us, request, validate).await;
        (answer.result, answer.retry_after)
    }
}

fn parse_credential(auth_scheme: AuthScheme, body: &Bytes) -> Option<Credential> {
    let login: Login = match auth_scheme {
        AuthScheme::Session => {
            serde_json::from_slice::<SessionStarted>(body).ok()?.into()
        }
        AuthScheme::Token | AuthScheme::Basic => {
            serde_json::from_slice::<TokenIssued>(body).ok()?.into()
        }
    };
    Some(login.credential)
}

/// The whole run of a user, as its only goose transaction: actions depend on the results of
/// earlier ones, but their times never depend on an answer.
pub(crate) async fn run_virtual_user(run_state: &RunState, goose: &mut GooseUser) {
    let number = goose.weighted_users_index;
    let Some(mut user) = run_state.take_user(number) else {
        return;
    };
    let mut client = UserClient::new(run_state, goose, number);
    let workload = run_state.load_test.workload;
    if (workload == Workload::Logins || user.log_in_before_load(&mut client).await)
        && let Some(began) = run_state.wait_for_start().await
    {
        client.is_recording = true;
        match workload {
            Workload::Logins => user.log_in_in_waves(&mut client, began).await,
            _ => user.send_paced_requests(&mut client, began).await,
        }
    }
    run_state.finish_user(user);
}

impl VirtualUser {
    /// Logs in before the start of the load; returns whether it succeeded.
    async fn log_in_before_load(&mut self, client: &mut UserClient<'_>) -> bool {
        loop {
            let (result, retry_after) = self.log_in(client, 0).await;
            if result == RequestResult::Success {
                return true;
            }
            if !client.run_state.sleep(retry_after.unwrap_or(LOGIN_RETRY_INTERVAL)).await
            {
                return false;
            }
        }
    }

    /// Sends requests at their intended times until the end of the load.
    async fn send_paced_requests(&mut self, client: &mut UserClient<'_>, began: Instant) {
        let settings = &client.run_state.settings;
        for intended in
            RequestSchedule::new(settings.seed, self.number, settings.request_interval())
        {
            if !client.run_state.sleep_until(began + intended).await {
                return;
            }
            self.send_next_request(client, whole_micros(intended)).await;
        }
    }

    /// Logs in at the start of each wave, and again as long as the server answers 503 with
    /// Retry-After.
    async fn log_in_in_waves(&mut self, client: &mut UserClient<'_>, began: Instant) {
        let settings = &client.run_state.settings;
        for intended in wave_starts(settings.duration(), settings.request_interval()) {
            if !client.run_state.sleep_until(began + intended).await {
                return;
            }
            let deadline = began + intended + crate::run_state::USERS_TIMEOUT;
            loop {
                let (result, retry_after) =
                    self.log_in(client, whole_micros(intended)).await;
                if result != RequestResult::RetryLater {
                    self.failed_waves += usize::from(result != RequestResult::Success);
                    break;
                }
                if Instant::now() > deadline {
                    self.failed_waves += 1;
                    break;
                }
                if !client
                    .run_state
                    .sleep(retry_after.unwrap_or(LOGIN_RETRY_INTERVAL))
                    .await
                {
                    self.failed_waves += 1;
                    return;
                }
            }
        }
    }
}

/// The starts of the waves: one at once, then one each `pace`.
fn wave_starts(span: Duration, pace: Duration) -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(Duration::ZERO), move |last| last.checked_add(pace))
        .take_while(move |begin| *begin < span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_wave_is_immediate_and_none_starts_after_end() {
        let second = Duration::from_secs(1);
        let begins: Vec<_> = wave_starts(10 * second, 4 * second).collect();
        assert_eq!(begins, [Duration::ZERO, 4 * second, 8 * second]);
        assert_eq!(wave_starts(second, 5 * second).count(), 1);
    }

    #[test]
    fn credential_is_read_only_as_the_contract_defines() {
        let session = Bytes::from(r#"{"session_id":"abc","expires_in":60}"#);
        let credential = parse_credential(AuthScheme::Session, &session);
        assert!(matches!(credential, Some(Credential::Session(_))));
        assert!(parse_credential(AuthScheme::Token, &session).is_none());
        let page = Bytes::from("<h1>welcome</h1>");
        assert!(parse_credential(AuthScheme::Session, &page).is_none());
    }
}
