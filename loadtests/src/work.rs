//! The actions of a user, and the validation of answers.

use crate::browser::Browser;
use crate::life::{Draft, Person, Stored};
use crate::sample::{Call, Ended};
use crate::story::Work;
use api_conformance::credential::Credential;
use api_conformance::form::{Form, Upload};
use api_contract::files::{FileCreated, FileList};
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::paths;
use api_contract::sessions::SessionView;
use bytes::Bytes;
use goose::prelude::GooseMethod;
use rand::{Rng, RngExt};
use reqwest::RequestBuilder;
use std::ops::RangeInclusive;

/// Sizes of files in bytes; small, so that the calls are measured and not the disk.
const SIZES: RangeInclusive<usize> = 256..=16_384;

/// A 200 answer with an unreadable body.
const STRANGE: Ended = Ended::Untrue("an answer outside of the contract");

impl Person {
    /// Sends the next request, with this intended start.
    pub(crate) async fn turn(&mut self, browser: &mut Browser<'_>, meant_us: u64) {
        if self.credential.is_none()
            && self.log_in(browser, meant_us).await.0 != Ended::Fine
        {
            return;
        }
        let die = self.dice.random_range(0..10);
        let ended = match (browser.stage.story.work, die) {
            (Work::Files, 0..5) | (Work::SessionsAndUploads, 0..3) => {
                self.upload(browser, meant_us).await
            }
            (Work::Files, 5..8) => self.list(browser, meant_us).await,
            (Work::Files, _) => self.read_one_back(browser, meant_us).await,
            _ => self.ask_who_i_am(browser, meant_us).await,
        };
        if ended == Ended::LoggedOut {
            // A refused request is not repeated, or one lost login would count twice.
            self.credential = None;
        }
    }

    fn authenticated(
        &self,
        browser: &Browser<'_>,
        method: &GooseMethod,
        path: &str,
    ) -> Option<RequestBuilder> {
        let credential = self.credential.as_ref().unwrap_or(&Credential::None);
        browser.request(method, path).map(|request| credential.apply_to(request))
    }

    /// Tokens have no session to read: their users read the newest file.
    async fn ask_who_i_am(&mut self, browser: &mut Browser<'_>, meant_us: u64) -> Ended {
        if !browser.stage.settings.design.has_sessions() {
            let path = format!("{}?limit=1", paths::FILES);
            let request = self.authenticated(browser, &GooseMethod::Get, &path);
            let look = |body: &Bytes| match serde_json::from_slice::<FileList>(body) {
                Ok(_) => Ended::Fine,
                Err(_) => STRANGE,
            };
            return browser.send(Call::List, meant_us, request, look).await.ended;
        }
        let request = self.authenticated(browser, &GooseMethod::Get, paths::SESSION);
        let name = &self.account.username;
        let look = |body: &Bytes| match serde_json::from_slice::<SessionView>(body) {
            Ok(view) if view.username == *name => Ended::Fine,
            Ok(_) => Ended::Untrue("another user's session"),
            Err(_) => STRANGE,
        };
        browser.send(Call::Session, meant_us, request, look).await.ended
    }

    async fn upload(&mut self, browser: &mut Browser<'_>, meant_us: u64) -> Ended {
        let draft = self.unsure.take().unwrap_or_else(|| self.draft());
        let file = Upload::new(draft.name.clone(), draft.bytes.clone());
        let request = self.authenticated(browser, &GooseMethod::Post, paths::UPLOAD);
        let request = request.map(|request| {
            Form::of(&file).apply_to(request.header(IDEMPOTENCY_KEY, &draft.key))
        });
        let acknowledged = &mut self.acknowledged;
        let look = |body: &Bytes| match serde_json::from_slice::<FileCreated>(body) {
            Ok(created) => {
                let (name, bytes) = (draft.name.clone(), draft.bytes.clone());
                acknowledged.push(Stored { file_id: created.file_id, name, bytes });
                match created.size == draft.bytes.len() as u64 {
                    true => Ended::Fine,
                    false => Ended::Untrue("an upload of another size"),
                }
            }
            Err(_) => STRANGE,
        };
        let ended = browser.send(Call::Upload, meant_us, request, look).await.ended;
        if may_be_sent_again(ended) {
            self.unsure = Some(draft);
        }
        ended
    }

    fn draft(&mut self) -> Draft {
        let mut bytes = vec![0; self.dice.random_range(SIZES)];
        self.dice.fill_bytes(&mut bytes);
        self.made += 1;
        let name = format!("file-{}.bin", self.made);
        let key = format!("{}-{}", self.account.username, self.made);
        Draft { name, key, bytes: bytes.into() }
    }

    /// The latest acknowledged upload must be among the newest files.
    async fn list(&mut self, browser: &mut Browser<'_>, meant_us: u64) -> Ended {
        let path = format!("{}?limit=10", paths::FILES);
        let request = self.authenticated(browser, &GooseMethod::Get, &path);
        let newest = self.acknowledged.last();
        let look = |body: &Bytes| match serde_json::from_slice::<FileList>(body) {
            Ok(list) => {
                let is_there = newest.is_none_or(|file| {
                    list.files.iter().any(|entry| entry.file_id == file.file_id)
                });
                match is_there {
                    true => Ended::Fine,
                    false => Ended::Untrue("an acknowledged upload is not listed"),
                }
            }
            Err(_) => STRANGE,
        };
        browser.send(Call::List, meant_us, request, look).await.ended
    }

    async fn read_one_back(&mut self, browser: &mut Browser<'_>, meant_us: u64) -> Ended {
        if self.acknowledged.is_empty() {
            return self.upload(browser, meant_us).await;
        }
        let at = self.dice.random_range(0..self.acknowledged.len());
        let file = &self.acknowledged[at];
        let path = paths::file_content(&file.file_id);
        let request = self.authenticated(browser, &GooseMethod::Get, &path);
        let look = |body: &Bytes| match *body == file.bytes {
            true => Ended::Fine,
            false => Ended::Untrue("other bytes than were uploaded"),
        };
        browser.send(Call::Read, meant_us, request, look).await.ended
    }
}

/// Whether the result of an upload is unknown, or it failed and may yet be accepted.
const fn may_be_sent_again(ended: Ended) -> bool {
    match ended {
        Ended::Fine | Ended::Untrue(_) => false,
        // 4xx refuses the file itself, except 409: the first attempt is still under way.
        Ended::Status(status) => status >= 500 || status == 409,
        Ended::Busy
        | Ended::LoggedOut
        | Ended::TimedOut
        | Ended::NoConnection
        | Ended::BrokenOff
        | Ended::NotSent => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::LoginRequest;
    use api_contract::secret::Secret;

    fn person(seed: u64) -> Person {
        let password = Secret::new("unused");
        let account = LoginRequest { username: "u-1".to_owned(), password };
        Person::new(0, account, seed)
    }

    #[test]
    fn seed_determines_files_and_each_key_is_unique() {
        let (mut one, mut same, mut other) = (person(1), person(1), person(2));
        let (first, second) = (one.draft(), one.draft());
        assert_eq!(first.bytes, same.draft().bytes);
        assert_ne!(first.bytes, other.draft().bytes);
        assert_ne!(first.key, second.key);
    }

    #[test]
    fn upload_with_unknown_result_is_retried() {
        assert!(may_be_sent_again(Ended::Status(502)));
        assert!(may_be_sent_again(Ended::TimedOut));
        assert!(may_be_sent_again(Ended::Status(409)));
        assert!(!may_be_sent_again(Ended::Fine));
        assert!(!may_be_sent_again(Ended::Status(413)));
    }
}
