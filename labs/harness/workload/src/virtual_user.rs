//! A client: it executes operations for one account and records their outcomes.
//!
//! It never retries. The generator (`workload`, or a test) decides about the next operation.

mod chunks;
mod files;

use crate::completion::Completion;
use crate::entry::{Operation, OperationOutcome, ReplyValue};
use crate::recorder::{HistoryRecorder, PendingOperation};
use api_contract::LoginRequest;
use api_contract::secret::Secret;
pub use chunks::{ChunkedUpload, UploadState};
use client::{AuthScheme, CallResult, Client, CookieJar, Credential, Login};

/// The session affinity cookie of the balancer.
const AFFINITY_COOKIE: &str = "lab_replica";

/// A credential and its name in the history.
#[derive(Clone, Debug)]
pub struct LoginCredential {
    /// The name, such as `u3-2`.
    pub name: String,
    /// The credential.
    pub credential: Credential,
    /// The refresh token, if the credential is a token.
    pub refresh_token: Option<Secret>,
}

/// The result of an operation, for the generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// The outcome.
    pub outcome: OperationOutcome,
    /// Whether the credential was refused (401), so that a new one is needed.
    pub credential_refused: bool,
    /// Whether the reply shows a state: a success, or a refusal below 500.
    pub is_conclusive: bool,
}

impl CallOutcome {
    /// Whether the operation succeeded for certain.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.outcome == OperationOutcome::Ok
    }
}

/// A client with an account.
#[derive(Clone, Debug)]
pub struct VirtualUser {
    /// The number of the user in the history.
    pub user: usize,
    /// User name and password.
    pub account: LoginRequest,
    auth_scheme: AuthScheme,
    client: Client,
    recorder: HistoryRecorder,
    /// The intended time of the next operations; see [`Entry::intended_us`].
    ///
    /// [`Entry::intended_us`]: crate::entry::Entry::intended_us
    pub intended_us: Option<u64>,
    is_verification: bool,
    credential_count: usize,
}

impl VirtualUser {
    /// A client of `url` that keeps the cookie of the balancer.
    #[must_use]
    pub fn new(
        user: usize,
        account: LoginRequest,
        auth_scheme: AuthScheme,
        url: &str,
        recorder: HistoryRecorder,
    ) -> Self {
        let client = client(url);
        Self {
            user,
            account,
            auth_scheme,
            client,
            recorder,
            intended_us: None,
            is_verification: false,
            credential_count: 0,
        }
    }

    /// The same user at another URL, for verification reads.
    #[must_use]
    pub fn for_verification_at(&self, url: &str) -> Self {
        Self { client: client(url), is_verification: true, ..self.clone() }
    }

    /// The same user at another URL.
    #[must_use]
    pub fn at_url(&self, url: &str) -> Self {
        Self { client: client(url), ..self.clone() }
    }

    /// Logs in with the password.
    pub async fn log_in(&mut self) -> Option<LoginCredential> {
        let pending = self.invoke(Operation::LogIn);
        let call_result = self.client.log_in(self.auth_scheme, &self.account).await;
        let completion = Completion::of(&call_result);
        let login = self.receive_credential(call_result);
        pending.complete(completion, credential_value(login.as_ref()));
        login
    }

    /// Exchanges a refresh token for the next credential.
    pub async fn refresh(&mut self, login: &LoginCredential) -> Option<LoginCredential> {
        let token = login.refresh_token.clone()?;
        let operation = Operation::Refresh { credential: login.name.clone() };
        let pending = self.invoke(operation);
        let call_result = self.client.refresh(&token).await.map(Login::from);
        let completion = Completion::of(&call_result);
        let next = self.receive_credential(call_result);
        pending.complete(completion, credential_value(next.as_ref()));
        next
    }

    /// Logs out, or revokes the token.
    pub async fn log_out(&self, login: &LoginCredential) -> CallOutcome {
        let operation = Operation::LogOut { credential: login.name.clone() };
        let pending = self.invoke(operation);
        let call_result = self.client.log_out(&login.credential).await;
        Self::complete(pending, Completion::of(&call_result), ReplyValue::Nothing)
    }

    /// Reads the session state, for designs with sessions.
    pub async fn view_session(&self, login: &LoginCredential) -> CallOutcome {
        let operation = Operation::ViewSession { credential: login.name.clone() };
        let pending = self.invoke(operation);
        let call_result = self.client.session_view(&login.credential).await;
        let value = match &call_result {
            CallResult::Done(reply) => {
                ReplyValue::Caller { username: reply.body.username.clone() }
            }
            _ => ReplyValue::Nothing,
        };
        Self::complete(pending, Completion::of(&call_result), value)
    }

    /// Records the invocation.
    fn invoke(&self, operation: Operation) -> PendingOperation {
        let Self { user, intended_us, is_verification, .. } = *self;
        self.recorder.invoke(user, operation, intended_us, is_verification)
    }

    /// Records the completion.
    fn complete(
        pending: PendingOperation,
        completion: Completion,
        value: ReplyValue,
    ) -> CallOutcome {
        let status = completion.status.filter(|_| completion.reply_kind.is_problem());
        let outcome = CallOutcome {
            outcome: completion.outcome,
            credential_refused: status == Some(401),
            is_conclusive: completion.outcome == OperationOutcome::Ok
                || status.is_some_and(|status| status < 500),
        };
        pending.complete(completion, value);
        outcome
    }

    /// Names a new credential.
    fn receive_credential(
        &mut self,
        call_result: CallResult<Login>,
    ) -> Option<LoginCredential> {
        let CallResult::Done(reply) = call_result else {
            return None;
        };
        let Login { credential, refresh_token } = reply.body;
        self.credential_count += 1;
        Some(LoginCredential {
            name: format!("u{}-{}", self.user, self.credential_count),
            credential,
            refresh_token,
        })
    }
}

/// A client whose only cookie is that of the balancer. The credential authenticates the user.
fn client(url: &str) -> Client {
    Client::sharing(url, CookieJar::only(AFFINITY_COOKIE))
}

fn credential_value(login: Option<&LoginCredential>) -> ReplyValue {
    login.map_or(ReplyValue::Nothing, |login| ReplyValue::Credential {
        credential: login.name.clone(),
    })
}
