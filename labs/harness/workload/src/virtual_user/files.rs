//! Operations on files: upload in one request, list, download, delete.

use super::{CallOutcome, LoginCredential, VirtualUser};
use crate::completion::Completion;
use crate::content::{TestFile, owner_of};
use crate::entry::{ListedFile, Operation, OperationOutcome, ReplyValue};
use api_contract::files::{FileList, ListQuery, MAX_PAGE_SIZE};
use client::digest::sha256;
use client::{CallResult, Upload};

/// The number of files in a read of the newest ones.
const NEWEST_FILES: usize = 10;

impl VirtualUser {
    /// Uploads a file in one request, with an idempotency key if `key` is given. Returns the result
    /// and the id of the file.
    pub async fn upload(
        &self,
        login: &LoginCredential,
        content: &TestFile,
        key: Option<&str>,
    ) -> (CallOutcome, Option<String>) {
        let operation = Operation::Upload {
            credential: login.name.clone(),
            name: content.name.clone(),
            sha256: content.sha256.clone(),
            key: key.map(str::to_owned),
        };
        let pending = self.invoke(operation);
        let file = Upload::new(content.name.clone(), content.bytes.clone());
        let call_result = match key {
            Some(key) => self.client.upload_with_key(&login.credential, &file, key).await,
            None => self.client.upload(&login.credential, &file).await,
        };
        let completion = Completion::of(&call_result);
        let (value, stored) = match call_result {
            CallResult::Done(reply) => {
                let (file_id, sha256) = (reply.body.file_id, Some(reply.body.sha256));
                (ReplyValue::Stored { file_id: file_id.clone(), sha256 }, Some(file_id))
            }
            _ => (ReplyValue::Nothing, None),
        };
        (Self::complete(pending, completion, value), stored)
    }

    /// Reads the newest files.
    pub async fn list_newest(&self, login: &LoginCredential) -> CallOutcome {
        let operation = Operation::ListNewest { credential: login.name.clone() };
        let pending = self.invoke(operation);
        let page = ListQuery { limit: Some(NEWEST_FILES), cursor: None };
        let call_result = self.client.list(&login.credential, &page).await;
        Self::complete(pending, Completion::of(&call_result), ReplyValue::Nothing)
    }

    /// Lists all files. All pages are one operation, with the outcome of the last page.
    pub async fn list(&self, login: &LoginCredential) -> (CallOutcome, Vec<ListedFile>) {
        let operation = Operation::List { credential: login.name.clone() };
        let pending = self.invoke(operation);
        let mut files = Vec::new();
        let mut query = ListQuery { limit: Some(MAX_PAGE_SIZE), cursor: None };
        let completion = loop {
            let call_result = self.client.list(&login.credential, &query).await;
            let completion = Completion::of(&call_result);
            let CallResult::Done(reply) = call_result else {
                break completion;
            };
            let FileList { files: page, next_cursor } = reply.body;
            files.extend(page.into_iter().map(|file| ListedFile {
                file_id: file.file_id,
                name: file.name,
                sha256: file.sha256,
            }));
            match next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break completion,
            }
        };
        let value = match completion.outcome {
            OperationOutcome::Ok => ReplyValue::Files { files: files.clone() },
            OperationOutcome::Fail | OperationOutcome::Info => ReplyValue::Nothing,
        };
        (Self::complete(pending, completion, value), files)
    }

    /// Downloads a file.
    pub async fn download(&self, login: &LoginCredential, file_id: &str) -> CallOutcome {
        let operation = Operation::Download {
            credential: login.name.clone(),
            file_id: file_id.to_owned(),
        };
        let pending = self.invoke(operation);
        let call_result = self.client.content(&login.credential, file_id).await;
        let completion = Completion::of(&call_result);
        let value = match &call_result {
            CallResult::Done(reply) => ReplyValue::Bytes {
                sha256: sha256(&reply.body),
                owner: owner_of(&reply.body),
            },
            _ => ReplyValue::Nothing,
        };
        Self::complete(pending, completion, value)
    }

    /// Deletes a file.
    pub async fn delete(&self, login: &LoginCredential, file_id: &str) -> CallOutcome {
        let operation = Operation::Delete {
            credential: login.name.clone(),
            file_id: file_id.to_owned(),
        };
        let pending = self.invoke(operation);
        let call_result = self.client.delete(&login.credential, file_id).await;
        Self::complete(pending, Completion::of(&call_result), ReplyValue::Nothing)
    }
}
