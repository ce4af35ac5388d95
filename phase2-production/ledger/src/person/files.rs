//! Operations on files: upload in one request, list, download, delete.

use super::{Came, Held, Person};
use crate::content::{Content, owner_of};
use crate::ending::Ending;
use crate::entry::{Act, Ended, Listed, Said};
use api_conformance::call_result::CallResult;
use api_conformance::digest::sha256;
use api_conformance::form::Upload;
use api_contract::files::{FileList, ListQuery, MAX_PAGE_SIZE};

impl Person {
    /// Uploads a file in one request, with an idempotency key if `key` is given. Returns the result
    /// and the id of the file.
    pub async fn upload(
        &self,
        held: &Held,
        content: &Content,
        key: Option<&str>,
    ) -> (Came, Option<String>) {
        let act = Act::Upload {
            credential: held.name.clone(),
            name: content.name.clone(),
            sha256: content.sha256.clone(),
            key: key.map(str::to_owned),
        };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let file = Upload::new(content.name.clone(), content.bytes.clone());
        let outcome = match key {
            Some(key) => self.client.upload_with_key(&held.credential, &file, key).await,
            None => self.client.upload(&held.credential, &file).await,
        };
        let ending = Ending::of(&outcome);
        let (said, stored) = match outcome {
            CallResult::Done(reply) => {
                let (file, sha256) = (reply.body.file_id, Some(reply.body.sha256));
                (Said::Stored { file: file.clone(), sha256 }, Some(file))
            }
            _ => (Said::Nothing, None),
        };
        (Self::conclude(begun, ending, said), stored)
    }

    /// Lists all files. All pages are one operation, with the outcome of the last page.
    pub async fn list(&self, held: &Held) -> (Came, Vec<Listed>) {
        let act = Act::List { credential: held.name.clone() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let mut files = Vec::new();
        let mut query = ListQuery { limit: Some(MAX_PAGE_SIZE), cursor: None };
        let ending = loop {
            let outcome = self.client.list(&held.credential, &query).await;
            let ending = Ending::of(&outcome);
            let CallResult::Done(reply) = outcome else {
                break ending;
            };
            let FileList { files: page, next_cursor } = reply.body;
            files.extend(page.into_iter().map(|file| Listed {
                file: file.file_id,
                name: file.name,
                sha256: file.sha256,
            }));
            match next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => break ending,
            }
        };
        let said = match ending.ended {
            Ended::Ok => Said::Files { files: files.clone() },
            Ended::Fail | Ended::Unknown => Said::Nothing,
        };
        (Self::conclude(begun, ending, said), files)
    }

    /// Downloads a file.
    pub async fn download(&self, held: &Held, file: &str) -> Came {
        let act = Act::Download { credential: held.name.clone(), file: file.to_owned() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = self.client.content(&held.credential, file).await;
        let said = match &outcome {
            CallResult::Done(reply) => {
                Said::Bytes { sha256: sha256(&reply.body), owner: owner_of(&reply.body) }
            }
            _ => Said::Nothing,
        };
        Self::conclude(begun, Ending::of(&outcome), said)
    }

    /// Deletes a file.
    pub async fn delete(&self, held: &Held, file: &str) -> Came {
        let act = Act::Delete { credential: held.name.clone(), file: file.to_owned() };
        let begun = self.recorder.begin(self.user, act, self.read_back);
        let outcome = self.client.delete(&held.credential, file).await;
        Self::conclude(begun, Ending::of(&outcome), Said::Nothing)
    }
}
