//! Somebody with an account who does operations and writes down how each ended.
//!
//! A person asks once and repeats nothing: whether to go on is for whoever gives the orders
//! (`crowd`, or a test).

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

/// What the sticky balancer knows its clients by.
const BALANCERS_COOKIE: &str = "lab_replica";

/// A proof and the name that it has in the history.
#[derive(Clone, Debug)]
pub struct Held {
    /// Such as `u3-2`.
    pub name: String,
    /// What is sent.
    pub proof: Proof,
    /// What comes with a token.
    pub refresh: Option<Secret>,
}

/// What the person who asked has to know to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Came {
    /// How the operation ended.
    pub ended: Ended,
    /// Whether the proof was refused (401): another one is needed.
    pub proof_refused: bool,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The user's number in the history.
    pub user: usize,
    /// Name and password.
    pub account: Credentials,
    way: Way,
    client: Client,
    recorder: Recorder,
    read_back: bool,
    proofs: usize,
}

impl Person {
    /// Somebody who knocks at `url`, with a client that keeps the balancer's cookie.
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

    /// The same person at another door, from now on reading back.
    #[must_use]
    pub fn reading_back_at(&self, url: &str) -> Self {
        Self { client: client(url), read_back: true, ..self.clone() }
    }

    /// The same person at another door.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { client: client(url), ..self.clone() }
    }

    /// Exchanges the password for a proof.
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

    /// Exchanges a refresh token for the next proof.
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

    /// Lets a proof die: logs out, or revokes the token.
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

    /// Asks what the server remembers of the session; for designs that have one.
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

    /// Writes down how it ended.
    fn conclude(begun: Begun, ending: Ending, said: Said) -> Came {
        let refused = ending.status == Some(401);
        let came = Came { ended: ending.ended, proof_refused: refused };
        begun.end(ending, said);
        came
    }

    /// Gives a proof its name in the history.
    fn hold(&mut self, outcome: Outcome<(Proof, Option<Secret>)>) -> Option<Held> {
        let Outcome::Done(reply) = outcome else {
            return None;
        };
        let (proof, refresh) = reply.body;
        self.proofs += 1;
        Some(Held { name: format!("u{}-{}", self.user, self.proofs), proof, refresh })
    }
}

/// Nothing but the proof says who somebody is; the balancer's cookie says where to.
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
