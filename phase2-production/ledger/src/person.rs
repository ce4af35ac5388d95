//! A client: it executes operations for one account and records their outcomes.
//!
//! It never retries. The generator (`crowd`, or a test) decides about the next operation.

mod files;
mod pieces;

use crate::ending::Ending;
use crate::entry::{Act, Ended, Said};
use crate::recorder::{Begun, Recorder};
use api_conformance::client::Client;
use api_conformance::cookies::CookieJar;
use api_conformance::outcome::{Outcome, Reply};
use api_conformance::proof::Proof;
use api_conformance::target::Way;
use api_contract::secret::Secret;
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::{Credentials, Message, paths};
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
    pub proof: Proof,
    /// The refresh token, if the credential is a token.
    pub refresh: Option<Secret>,
}

/// The result of an operation, for the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// The outcome.
    pub ended: Ended,
    /// Whether the credential was refused (401), so that a new one is needed.
    pub proof_refused: bool,
}

/// A client with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The number of the user in the history.
    pub user: usize,
    /// User name and password.
    pub account: Credentials,
    way: Way,
    client: Client,
    recorder: Recorder,
    read_back: bool,
    proofs: usize,
}

impl Person {
    /// A client of `url` that keeps the cookie of the balancer.
    #[must_use]
    pub fn new(
        user: usize,
        account: Credentials,
        way: Way,
        url: &str,
        recorder: Recorder,
    ) -> Self {
        let client = client(url);
        Self { user, account, way, client, recorder, read_back: false, proofs: 0 }
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
        let outcome = match self.way {
            Way::Session => {
                let started = self.client.log_in_session(&self.account).await;
                map(started, |body| (Proof::Session(body.session_id), None))
            }
            Way::Token | Way::Basic => {
                let issued = self.client.token(&self.account).await;
                map(issued, |body| (Proof::Bearer(body.access_token), body.refresh_token))
            }
        };
        let ending = Ending::of(&outcome);
        let held = self.hold(outcome);
        begun.end(ending, says_proof(held.as_ref()));
        held
    }

    /// Exchanges a refresh token for the next credential.
    pub async fn refresh(&mut self, held: &Held) -> Option<Held> {
        let token = held.refresh.clone()?;
        let act = Act::Refresh { proof: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let request = RefreshRequest { refresh_token: token };
        let request =
            self.client.request(Method::POST, paths::TOKEN_REFRESH).json(&request);
        let issued = self.client.json::<TokenIssued>(request).await;
        let outcome =
            map(issued, |body| (Proof::Bearer(body.access_token), body.refresh_token));
        let ending = Ending::of(&outcome);
        let next = self.hold(outcome);
        begun.end(ending, says_proof(next.as_ref()));
        next
    }

    /// Logs out, or revokes the token.
    pub async fn end(&self, held: &Held) -> Came {
        let act = Act::End { proof: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = match &held.proof {
            Proof::Bearer(token) => {
                let revoke = RevokeRequest { token: token.clone() };
                let request = self.client.request(Method::POST, paths::TOKEN_REVOKE);
                self.client.json::<Message>(request.json(&revoke)).await
            }
            proof => self.client.end_session(proof).await,
        };
        Self::conclude(begun, Ending::of(&outcome), Said::Nothing)
    }

    /// Reads the session state, for designs with sessions.
    pub async fn look(&self, held: &Held) -> Came {
        let act = Act::Look { proof: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = self.client.session_view(&held.proof).await;
        let said = match &outcome {
            Outcome::Done(reply) => {
                Said::Caller { username: reply.body.username.clone() }
            }
            _ => Said::Nothing,
        };
        Self::conclude(begun, Ending::of(&outcome), said)
    }

    /// Records the completion.
    fn conclude(begun: Begun, ending: Ending, said: Said) -> Came {
        let refused = ending.status == Some(401);
        let came = Came { ended: ending.ended, proof_refused: refused };
        begun.end(ending, said);
        came
    }

    /// Names a new credential.
    fn hold(&mut self, outcome: Outcome<(Proof, Option<Secret>)>) -> Option<Held> {
        let Outcome::Done(reply) = outcome else {
            return None;
        };
        let (proof, refresh) = reply.body;
        self.proofs += 1;
        Some(Held { name: format!("u{}-{}", self.user, self.proofs), proof, refresh })
    }
}

/// A client whose only cookie is that of the balancer. The credential authenticates the user.
fn client(url: &str) -> Client {
    Client::sharing(url, CookieJar::only(BALANCERS_COOKIE))
}

fn says_proof(held: Option<&Held>) -> Said {
    held.map_or(Said::Nothing, |held| Said::Proof { proof: held.name.clone() })
}

fn map<T, U>(outcome: Outcome<T>, change: impl FnOnce(T) -> U) -> Outcome<U> {
    match outcome {
        Outcome::Done(Reply { status, headers, body }) => {
            Outcome::Done(Reply { status, headers, body: change(body) })
        }
        Outcome::Refused(reply) => Outcome::Refused(reply),
        Outcome::Broken(broken) => Outcome::Broken(broken),
    }
}
