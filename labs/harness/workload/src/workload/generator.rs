//! The behaviour of one virtual user: the choice of operations, and the reaction to failures.

use super::credentials::Credentials;
use crate::content::TestFile;
use crate::entry::OperationOutcome;
use crate::virtual_user::{CallOutcome, ChunkedUpload, LoginCredential, VirtualUser};
use client::AuthScheme;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The think time between two requests, in milliseconds.
const THINK_TIME_MS: std::ops::Range<u64> = 5..40;

/// The delay after a failed operation.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The size in bytes of a file that is uploaded in one request.
const WHOLE_UPLOAD_BYTES: std::ops::Range<usize> = 200..6_000;

/// The size in bytes of a file that is uploaded in chunks.
const CHUNKED_UPLOAD_BYTES: std::ops::Range<usize> = 20_000..60_000;
/// The size of a chunk in bytes.
const CHUNK_BYTES: usize = 16_000;

/// The number of successive refusals after which a login counts as lost. With three replicas
/// without shared sessions, two of three requests are refused.
const MAX_REFUSALS: usize = 4;

/// The number of revoked credentials that a user keeps trying.
const MAX_TRIED_CREDENTIALS: usize = 8;

/// Generates the operations of one virtual user.
#[derive(Debug)]
pub(super) struct OperationGenerator {
    virtual_user: VirtualUser,
    auth_scheme: AuthScheme,
    rng: ChaCha8Rng,
    credentials: Credentials,
    /// The number of refusals of the current credential since it was last accepted.
    refusals: usize,
    /// An upload with a key that is retried until it is acknowledged.
    pending: Option<TestFile>,
    /// An upload in chunks that is in progress, and its offset if known.
    chunked_upload: Option<(ChunkedUpload, Option<usize>)>,
    file_ids: Vec<String>,
    content_count: usize,
}

/// The final state of a virtual user.
#[derive(Debug)]
pub struct UserFinalState {
    /// The client.
    pub virtual_user: VirtualUser,
    /// Its credentials.
    pub credentials: Credentials,
}

impl OperationGenerator {
    pub(super) fn new(
        virtual_user: VirtualUser,
        auth_scheme: AuthScheme,
        seed: u64,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(virtual_user.user as u64 + 1);
        let (credentials, pending, chunked_upload) = Default::default();
        Self {
            virtual_user,
            auth_scheme,
            rng,
            credentials,
            refusals: 0,
            pending,
            chunked_upload,
            file_ids: Vec::new(),
            content_count: 0,
        }
    }

    /// Executes operations until it is stopped.
    pub(super) async fn run(mut self, stop: CancellationToken) -> UserFinalState {
        while !stop.is_cancelled() {
            let pause = match self.execute_next().await {
                true => Duration::from_millis(self.rng.random_range(THINK_TIME_MS)),
                false => RETRY_DELAY,
            };
            tokio::time::sleep(pause).await;
        }
        UserFinalState { virtual_user: self.virtual_user, credentials: self.credentials }
    }

    /// Executes one operation, and returns whether it had the expected result.
    async fn execute_next(&mut self) -> bool {
        let Some(login) = self.credentials.current.clone() else {
            self.credentials.current = self.virtual_user.log_in().await;
            return self.credentials.current.is_some();
        };
        let call = self.execute_random(&login).await;
        match (call.credential_refused, call.outcome) {
            (true, _) => self.refusals += 1,
            (false, OperationOutcome::Ok) => self.refusals = 0,
            (false, _) => {}
        }
        if self.refusals >= MAX_REFUSALS {
            (self.credentials.current, self.refusals) = (None, 0);
        }
        call.outcome == OperationOutcome::Ok || call.credential_refused
    }

    async fn execute_random(&mut self, login: &LoginCredential) -> CallOutcome {
        if self.pending.is_some() {
            return self.upload_with_key(login).await;
        }
        let any = self.rng.random_range(0..self.file_ids.len().max(1));
        match (self.rng.random_range(0..20), self.file_ids.get(any).cloned()) {
            (0..3, _) => self.virtual_user.list(login).await.0,
            (3..7, Some(file)) => self.virtual_user.download(login, &file).await,
            (7, Some(file)) => self.delete(login, &file, any).await,
            (8..10, _) => self.upload(login).await,
            (10..14, _) => self.continue_chunked_upload(login).await,
            (14, _) => self.renew_login(login).await,
            (15, _) => self.log_out(login).await,
            (16, _) => self.use_revoked_credential(login).await,
            _ => self.upload_with_key(login).await,
        }
    }

    fn new_content(&mut self, sizes: std::ops::Range<usize>) -> TestFile {
        let (user, owner) =
            (self.virtual_user.user, self.virtual_user.account.username.clone());
        let size = self.rng.random_range(sizes);
        self.content_count += 1;
        TestFile::new(user, &owner, self.content_count, size, &mut self.rng)
    }

    /// Uploads with the same key until it is acknowledged. A retry after a lost reply must not create
    /// a second file.
    async fn upload_with_key(&mut self, login: &LoginCredential) -> CallOutcome {
        let content = match self.pending.take() {
            Some(content) => content,
            None => self.new_content(WHOLE_UPLOAD_BYTES),
        };
        let (call, file) =
            self.virtual_user.upload(login, &content, Some(&content.name)).await;
        match file {
            Some(file_id) => self.file_ids.push(file_id),
            None => self.pending = Some(content),
        }
        call
    }

    /// Uploads without a key, so it cannot be retried: an unknown outcome stays unknown.
    async fn upload(&mut self, login: &LoginCredential) -> CallOutcome {
        let content = self.new_content(WHOLE_UPLOAD_BYTES);
        let (call, file) = self.virtual_user.upload(login, &content, None).await;
        self.file_ids.extend(file);
        call
    }

    /// One request of an upload in chunks: create it, read the offset, or send a chunk.
    async fn continue_chunked_upload(&mut self, login: &LoginCredential) -> CallOutcome {
        let Some((upload, offset)) = self.chunked_upload.take() else {
            let content = self.new_content(CHUNKED_UPLOAD_BYTES);
            let (call, upload) = self.virtual_user.create_upload(login, content).await;
            self.chunked_upload = upload.map(|upload| (upload, Some(0)));
            return call;
        };
        let (call, state) = match offset {
            None => self.virtual_user.read_offset(login, &upload).await,
            Some(from) => {
                let to = (from + CHUNK_BYTES).min(upload.content.bytes.len());
                self.virtual_user.send_chunk(login, &upload, from, to).await
            }
        };
        match state.file_id {
            Some(file_id) => self.file_ids.push(file_id),
            None if state.gone => {}
            // Without an offset in the reply, the next step reads it.
            None => self.chunked_upload = Some((upload, state.offset)),
        }
        call
    }

    async fn delete(
        &mut self,
        login: &LoginCredential,
        file: &str,
        at: usize,
    ) -> CallOutcome {
        let call = self.virtual_user.delete(login, file).await;
        // After an unknown outcome the file may be deleted, so it is not used any more.
        if call.outcome != OperationOutcome::Fail {
            self.file_ids.swap_remove(at);
        }
        call
    }

    /// Keeps a login alive: reads the session, or refreshes the token.
    async fn renew_login(&mut self, login: &LoginCredential) -> CallOutcome {
        if self.auth_scheme == AuthScheme::Session {
            return self.virtual_user.view_session(login).await;
        }
        // A lost reply loses the next refresh token. The old one can be reused only within the
        // grace period of the server, so the user logs in again.
        self.credentials.current = self.virtual_user.refresh(login).await;
        let outcome = match self.credentials.current {
            Some(_) => OperationOutcome::Ok,
            None => OperationOutcome::Info,
        };
        CallOutcome { outcome, credential_refused: false, is_conclusive: true }
    }

    /// Logs out; the next step logs in again.
    async fn log_out(&mut self, login: &LoginCredential) -> CallOutcome {
        let call = self.virtual_user.log_out(login).await;
        // After an unknown outcome the credential may still be valid, but is not used any more.
        if call.outcome != OperationOutcome::Fail {
            self.credentials.current = None;
        }
        if call.outcome == OperationOutcome::Ok {
            self.credentials.revoked.push(login.clone());
        }
        call
    }

    /// Uses a revoked credential, as a thief would. A refusal is the expected result, and does not
    /// concern the current credential.
    async fn use_revoked_credential(&mut self, login: &LoginCredential) -> CallOutcome {
        let revoked = &self.credentials.revoked;
        let recent = revoked.len().saturating_sub(MAX_TRIED_CREDENTIALS)..revoked.len();
        if recent.is_empty() {
            return self.virtual_user.list(login).await.0;
        }
        let revoked = revoked[self.rng.random_range(recent)].clone();
        let call = self.virtual_user.list(&revoked).await.0;
        let outcome = if call.credential_refused {
            OperationOutcome::Ok
        } else {
            OperationOutcome::Info
        };
        CallOutcome { outcome, credential_refused: false, ..call }
    }
}
