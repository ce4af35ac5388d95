//! A client: it executes operations for one account and records their outcomes.
//!
//! It never retries. The generator (`workload`, or a test) decides about the next operation.

mod files;
mod pieces;

use crate::ending::Ending;
use crate::entry::{Act, Ended, Said};
use crate::recorder::{Begun, Recorder};
use api_conformance::call_result::{CallResult, Reply};
use api_conformance::client::Client;
use api_conformance::cookies::CookieJar;
use api_conformance::credential::Credential;
use api_conformance::target::AuthScheme;
use api_contract::secret::Secret;
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{LoginRequest, Message, paths};
use http::Method;
pub use pieces::{Pieces, Standing};

/// The session affinity cookie of the balancer.
const BALANCERS_COOKIE: &str = "lab_replica";

/// A credential and its name in the history.
#[derive(Clone, Debug)]
pub struct Held {
    /// The name, such as `u3-2`.
    pub name: String,
    /// The credential.
    pub credential: Credential,
    /// The refresh token, if the credential is a token.
    pub refresh: Option<Secret>,
}

/// The result of an operation, for the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// The outcome.
    pub ended: Ended,
    /// Whether the credential was refused (401), so that a new one is needed.
    pub credential_refused: bool,
}

/// A client with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The number of the user in the history.
    pub user: usize,
    /// User name and password.
    pub account: LoginRequest,
    auth_scheme: AuthScheme,
    client: Client,
    recorder: Recorder,
    read_back: bool,
    credentials: usize,
}

impl Person {
    /// A client of `url` that keeps the cookie of the balancer.
    #[must_use]
    pub fn new(
        user: usize,
        account: LoginRequest,
        auth_scheme: AuthScheme,
        url: &str,
        recorder: Recorder,
    ) -> Self {
        let client = client(url);
        Self {
            user,
            account,
            auth_scheme,
            client,
            recorder,
            read_back: false,
            credentials: 0,
        }
    }

    /// The same user at another URL, for verification reads.
    #[must_use]
    pub fn reading_back_at(&self, url: &str) -> Self {
        Self { client: client(url), read_back: true, ..self.clone() }
    }

    /// The same user at another URL.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { client: client(url), ..self.clone() }
    }

    /// Logs in with the password.
    pub async fn log_in(&mut self) -> Option<Held> {
        let begun = self.recorder.begin(self.user, Act::LogIn, self.read_back);
        let outcome = match self.auth_scheme {
            AuthScheme::Session => {
                let started = self.client.log_in_session(&self.account).await;
                map(started, |body| (Credential::Session(body.session_id), None))
            }
            AuthScheme::Token | AuthScheme::Basic => {
                let issued = self.client.token(&self.account).await;
                map(issued, |body| {
                    (Credential::Bearer(body.access_token), body.refresh_token)
                })
            }
        };
        let ending = Ending::of(&outcome);
        let held = self.hold(outcome);
        begun.end(ending, says_credential(held.as_ref()));
        held
    }

    /// Exchanges a refresh token for the next credential.
    pub async fn refresh(&mut self, held: &Held) -> Option<Held> {
        let token = held.refresh.clone()?;
        let act = Act::Refresh { credential: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let request = RefreshRequest { refresh_token: token };
        let request =
            self.client.request(Method::POST, paths::TOKEN_REFRESH).json(&request);
        let issued = self.client.json::<TokenIssued>(request).await;
        let outcome = map(issued, |body| {
            (Credential::Bearer(body.access_token), body.refresh_token)
        });
        let ending = Ending::of(&outcome);
        let next = self.hold(outcome);
        begun.end(ending, says_credential(next.as_ref()));
        next
    }

    /// Logs out, or revokes the token.
    pub async fn end(&self, held: &Held) -> Came {
        let act = Act::End { credential: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = match &held.credential {
            Credential::Bearer(token) => {
                let revoke = RevokeRequest { token: token.clone() };
                let request = self.client.request(Method::POST, paths::TOKEN_REVOKE);
                self.client.json::<Message>(request.json(&revoke)).await
            }
            credential => self.client.end_session(credential).await,
        };
        Self::conclude(begun, Ending::of(&outcome), Said::Nothing)
    }

    /// Reads the session state, for designs with sessions.
    pub async fn look(&self, held: &Held) -> Came {
        let act = Act::Look { credential: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = self.client.session_view(&held.credential).await;
        let said = match &outcome {
            CallResult::Done(reply) => {
                Said::Caller { username: reply.body.username.clone() }
            }
            _ => Said::Nothing,
        };
        Self::conclude(begun, Ending::of(&outcome), said)
    }

    /// Records the completion.
    fn conclude(begun: Begun, ending: Ending, said: Said) -> Came {
        let refused = ending.status == Some(401);
        let came = Came { ended: ending.ended, credential_refused: refused };
        begun.end(ending, said);
        came
    }

    /// Names a new credential.
    fn hold(
        &mut self,
        outcome: CallResult<(Credential, Option<Secret>)>,
    ) -> Option<Held> {
        let CallResult::Done(reply) = outcome else {
            return None;
        };
        let (credential, refresh) = reply.body;
        self.credentials += 1;
        Some(Held {
            name: format!("u{}-{}", self.user, self.credentials),
            credential,
            refresh,
        })
    }
}

/// A client whose only cookie is that of the balancer. The credential authenticates the user.
fn client(url: &str) -> Client {
    Client::sharing(url, CookieJar::only(BALANCERS_COOKIE))
}

fn says_credential(held: Option<&Held>) -> Said {
    held.map_or(Said::Nothing, |held| Said::Credential { credential: held.name.clone() })
}

fn map<T, U>(outcome: CallResult<T>, change: impl FnOnce(T) -> U) -> CallResult<U> {
    match outcome {
        CallResult::Done(Reply { status, headers, body }) => {
            CallResult::Done(Reply { status, headers, body: change(body) })
        }
        CallResult::Refused(reply) => CallResult::Refused(reply),
        CallResult::CallError(broken) => CallResult::CallError(broken),
    }
}
