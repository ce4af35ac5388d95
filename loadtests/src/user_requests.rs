//! The actions of a user, and the validation of answers.

use crate::load_test::Workload;
use crate::sample::{Call, RequestResult};
use crate::user_client::UserClient;
use crate::virtual_user::{AcknowledgedUpload, VirtualUser};
use api_contract::files::{FileCreated, FileList};
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::paths;
use api_contract::sessions::SessionView;
use bytes::Bytes;
use client::{Credential, Form, Upload};
use goose::prelude::GooseMethod;
use rand::RngExt;
use reqwest::RequestBuilder;
use std::ops::RangeInclusive;
use workload::content::TestFile;

/// Sizes of files in bytes; small, so that the calls are measured and not the disk.
const FILE_SIZES_BYTES: RangeInclusive<usize> = 256..=16_384;

/// A 200 answer with an unreadable body.
const CONTRACT_VIOLATION: RequestResult =
    RequestResult::IncorrectAnswer("an answer outside of the contract");

impl VirtualUser {
    /// Sends the next request, with this intended start.
    pub(crate) async fn send_next_request(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) {
        if self.credential.is_none()
            && self.log_in(client, intended_us).await.0 != RequestResult::Success
        {
            return;
        }
        let choice = self.rng.random_range(0..10);
        let result = match (client.run_state.load_test.workload, choice) {
            (Workload::Files, 0..5) | (Workload::SessionsAndUploads, 0..3) => {
                self.upload(client, intended_us).await
            }
            (Workload::Files, 5..8) => self.list(client, intended_us).await,
            (Workload::Files, _) => self.verify_one_upload(client, intended_us).await,
            _ => self.read_session(client, intended_us).await,
        };
        if result == RequestResult::LoginLost {
            // A refused request is not repeated, or one lost login would count twice.
            self.credential = None;
        }
    }

    fn authenticated(
        &self,
        client: &UserClient<'_>,
        method: &GooseMethod,
        path: &str,
    ) -> Option<RequestBuilder> {
        let credential = self.credential.as_ref().unwrap_or(&Credential::None);
        client.request(method, path).map(|request| credential.apply_to(request))
    }

    /// Tokens have no session to read: their users read the newest file.
    async fn read_session(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) -> RequestResult {
        if !client.run_state.settings.design.has_sessions() {
            let path = format!("{}?limit=1", paths::FILES);
            let request = self.authenticated(client, &GooseMethod::Get, &path);
            let validate = |body: &Bytes| match serde_json::from_slice::<FileList>(body) {
                Ok(_) => RequestResult::Success,
                Err(_) => CONTRACT_VIOLATION,
            };
            return client.send(Call::List, intended_us, request, validate).await.result;
        }
        let request = self.authenticated(client, &GooseMethod::Get, paths::SESSION);
        let name = &self.account.username;
        let validate = |body: &Bytes| match serde_json::from_slice::<SessionView>(body) {
            Ok(view) if view.username == *name => RequestResult::Success,
            Ok(_) => RequestResult::IncorrectAnswer("another user's session"),
            Err(_) => CONTRACT_VIOLATION,
        };
        client.send(Call::Session, intended_us, request, validate).await.result
    }

    async fn upload(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) -> RequestResult {
        let file = self.unconfirmed_upload.take().unwrap_or_else(|| self.new_file());
        let upload = Upload::new(file.name.clone(), file.bytes.clone());
        let request = self.authenticated(client, &GooseMethod::Post, paths::UPLOAD);
        let request = request.map(|request| {
            // The same key for each attempt.
            Form::of(&upload).apply_to(request.header(IDEMPOTENCY_KEY, &file.name))
        });
        let acknowledged = &mut self.acknowledged;
        let validate = |body: &Bytes| match serde_json::from_slice::<FileCreated>(body) {
            Ok(created) => {
                let (file_id, file) = (created.file_id, file.clone());
                let is_complete = created.size == file.bytes.len() as u64;
                acknowledged.push(AcknowledgedUpload { file_id, file });
                match is_complete {
                    true => RequestResult::Success,
                    false => RequestResult::IncorrectAnswer("an upload of another size"),
                }
            }
            Err(_) => CONTRACT_VIOLATION,
        };
        let result =
            client.send(Call::Upload, intended_us, request, validate).await.result;
        if may_be_retried(result) {
            self.unconfirmed_upload = Some(file);
        }
        result
    }

    fn new_file(&mut self) -> TestFile {
        let size = self.rng.random_range(FILE_SIZES_BYTES);
        self.files_created += 1;
        let (number, owner) = (self.files_created, &self.account.username);
        TestFile::new(self.number, owner, number, size, &mut self.rng)
    }

    /// The latest acknowledged upload must be among the newest files.
    async fn list(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) -> RequestResult {
        let path = format!("{}?limit=10", paths::FILES);
        let request = self.authenticated(client, &GooseMethod::Get, &path);
        let newest = self.acknowledged.last();
        let validate = |body: &Bytes| match serde_json::from_slice::<FileList>(body) {
            Ok(list) => {
                let is_listed = newest.is_none_or(|file| {
                    list.files.iter().any(|entry| entry.file_id == file.file_id)
                });
                match is_listed {
                    true => RequestResult::Success,
                    false => RequestResult::IncorrectAnswer(
                        "an acknowledged upload is not listed",
                    ),
                }
            }
            Err(_) => CONTRACT_VIOLATION,
        };
        client.send(Call::List, intended_us, request, validate).await.result
    }

    async fn verify_one_upload(
        &mut self,
        client: &mut UserClient<'_>,
        intended_us: u64,
    ) -> RequestResult {
        if self.acknowledged.is_empty() {
            return self.upload(client, intended_us).await;
        }
        let at = self.rng.random_range(0..self.acknowledged.len());
        let acknowledged = &self.acknowledged[at];
        let path = paths::file_content(&acknowledged.file_id);
        let request = self.authenticated(client, &GooseMethod::Get, &path);
        let validate = |body: &Bytes| match *body == acknowledged.file.bytes {
            true => RequestResult::Success,
            false => RequestResult::IncorrectAnswer("other bytes than were uploaded"),
        };
        client.send(Call::Read, intended_us, request, validate).await.result
    }
}

/// Whether the result of an upload is unknown, or it failed and may yet be accepted.
const fn may_be_retried(result: RequestResult) -> bool {
    match result {
        RequestResult::Success | RequestResult::IncorrectAnswer(_) => false,
        // 4xx refuses the file itself, except 409: the first attempt is still under way.
        RequestResult::Status(status) => status >= 500 || status == 409,
        RequestResult::RetryLater
        | RequestResult::LoginLost
        | RequestResult::TimedOut
        | RequestResult::NoConnection
        | RequestResult::ConnectionBroken
        | RequestResult::NotSent => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::LoginRequest;
    use api_contract::secret::Secret;

    fn user(seed: u64) -> VirtualUser {
        let password = Secret::new("unused");
        let account = LoginRequest { username: "u-1".to_owned(), password };
        VirtualUser::new(0, account, seed)
    }

    #[test]
    fn seed_determines_files_and_each_key_is_unique() {
        let (mut one, mut same, mut other) = (user(1), user(1), user(2));
        let (first, second) = (one.new_file(), one.new_file());
        assert_eq!(first.bytes, same.new_file().bytes);
        assert_ne!(first.bytes, other.new_file().bytes);
        assert_ne!(first.name, second.name, "the name is the key");
    }

    #[test]
    fn upload_with_unknown_result_is_retried() {
        assert!(may_be_retried(RequestResult::Status(502)));
        assert!(may_be_retried(RequestResult::TimedOut));
        assert!(may_be_retried(RequestResult::Status(409)));
        assert!(!may_be_retried(RequestResult::Success));
        assert!(!may_be_retried(RequestResult::Status(413)));
    }
}
