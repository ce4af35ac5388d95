//! The verification reads at the end: every acknowledged upload is read, every file counted.
//!
//! They go to one replica directly, because sessions are not their subject. A replica that
//! does not answer has not lost a file, so only an answer counts.

use crate::demo::ledger::{AcknowledgedUpload, Ledger};
use crate::demo::login::log_in;
use crate::demo::virtual_user::RETRY_DELAY;
use api_contract::LoginRequest;
use api_contract::files::{FileEntry, ListQuery, MAX_PAGE_SIZE};
use client::digest::sha256;
use client::{CallResult, Client, Credential};
use http::StatusCode;
use launcher::ServerKind;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Attempts of one read.
const MAX_ATTEMPTS: usize = 5;

/// Time limit of all reads together.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of the reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VerificationReads {
    /// Acknowledged uploads with the bytes that were sent.
    pub(crate) present: usize,
    /// Acknowledged uploads that are missing or have other bytes.
    pub(crate) lost: usize,
    /// Files beyond one for each upload.
    pub(crate) duplicated: usize,
    /// Reads of uploads and of lists that got no answer.
    pub(crate) unanswered_reads: usize,
}

/// A client of one replica.
pub(crate) struct Reader {
    client: Client,
    design: ServerKind,
    deadline: Instant,
}

impl Reader {
    pub(crate) fn new(url: &str, design: ServerKind) -> Self {
        let deadline = Instant::now() + READ_TIMEOUT;
        Self { client: Client::new(url), design, deadline }
    }

    /// Reads the files of one user and adds the result to `found`.
    pub(crate) async fn read_user(
        &self,
        own: &RecordedUploads<'_>,
        found: &mut VerificationReads,
    ) {
        let credential = self.retry_until_answered(async || {
            let reply = log_in(&self.client, self.design, own.account).await;
            reply.done().ok().map(|reply| reply.body)
        });
        let Some(credential) = credential.await else {
            found.unanswered_reads += own.acknowledged.len() + 1;
            return;
        };
        for upload in &own.acknowledged {
            let read = async || {
                let read = self.client.content(&credential, &upload.file_id).await;
                is_present(&read, &upload.sha256)
            };
            match self.retry_until_answered(read).await {
                Some(true) => found.present += 1,
                Some(false) => found.lost += 1,
                None => found.unanswered_reads += 1,
            }
        }
        match self.list(&credential).await {
            Some(listed) => found.duplicated += own.extra_files(&listed),
            None => found.unanswered_reads += 1,
        }
    }

    /// All pages.
    async fn list(&self, credential: &Credential) -> Option<Vec<FileEntry>> {
        let mut files = Vec::new();
        let mut query = ListQuery { limit: Some(MAX_PAGE_SIZE), cursor: None };
        loop {
            let ask = async || self.client.list(credential, &query).await.done().ok();
            let page = self.retry_until_answered(ask).await?.body;
            files.extend(page.files);
            query.cursor = Some(match page.next_cursor {
                Some(cursor) => cursor,
                None => return Some(files),
            });
        }
    }

    /// Repeats a request until there is an answer, within the limits.
    async fn retry_until_answered<T>(
        &self,
        ask: impl AsyncFn() -> Option<T>,
    ) -> Option<T> {
        for _ in 0..MAX_ATTEMPTS {
            if Instant::now() >= self.deadline {
                return None;
            }
            if let Some(answer) = ask().await {
                return Some(answer);
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
        None
    }
}

/// The uploads of one user, as the client recorded them.
pub(crate) struct RecordedUploads<'a> {
    account: &'a LoginRequest,
    acknowledged: Vec<AcknowledgedUpload>,
    /// The name of the last upload, if it was not acknowledged. It may be present.
    pending: Option<String>,
}

impl<'a> RecordedUploads<'a> {
    pub(crate) fn of(user: usize, account: &'a LoginRequest, ledger: &Ledger) -> Self {
        let is_own = |upload: &&AcknowledgedUpload| upload.user == user;
        let acknowledged = ledger.uploads.iter().filter(is_own).cloned().collect();
        Self { account, acknowledged, pending: ledger.pending[user].clone() }
    }

    /// The number of files beyond the acknowledged ones and, at most once, the pending
    /// one.
    fn extra_files(&self, listed: &[FileEntry]) -> usize {
        let known: BTreeSet<_> =
            self.acknowledged.iter().map(|upload| upload.file_id.as_str()).collect();
        let unknown: Vec<_> =
            listed.iter().filter(|file| !known.contains(file.file_id.as_str())).collect();
        let is_pending = |file: &&FileEntry| self.pending.as_ref() == Some(&file.name);
        unknown.len() - usize::from(unknown.iter().copied().any(|file| is_pending(&file)))
    }
}

/// Whether the bytes are present; [`None`] if the answer does not show that.
fn is_present(answer: &CallResult<impl AsRef<[u8]>>, sent: &str) -> Option<bool> {
    match answer {
        CallResult::Done(reply) => Some(sha256(reply.body.as_ref()) == sent),
        CallResult::Refused(reply) if reply.status == StatusCode::NOT_FOUND => {
            Some(false)
        }
        CallResult::Refused(_) | CallResult::CallError(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api_contract::problem::ProblemKind;
    use api_contract::secret::Secret;
    use client::{CallError, Reply};
    use http::HeaderMap;

    fn refused(kind: ProblemKind) -> CallResult<&'static [u8]> {
        let (status, headers) = (kind.status(), HeaderMap::new());
        CallResult::Refused(Reply {
            status,
            headers,
            body: kind.problem("Why.", "req-1"),
        })
    }

    #[test]
    fn only_an_answer_about_the_file_shows_its_loss() {
        let answer = |body: &'static [u8]| {
            let (status, headers) = (StatusCode::OK, HeaderMap::new());
            CallResult::Done(Reply { status, headers, body })
        };
        let sent = sha256(b"as it was sent");
        assert_eq!(is_present(&answer(b"as it was sent"), &sent), Some(true));
        assert_eq!(is_present(&answer(b"something else"), &sent), Some(false));
        assert_eq!(is_present(&refused(ProblemKind::FileNotFound), &sent), Some(false));
        for kind in [ProblemKind::SessionUnknown, ProblemKind::Internal] {
            assert_eq!(is_present(&refused(kind), &sent), None, "{kind:?}");
        }
        let (status, problem) = (StatusCode::NOT_FOUND, "a page of text".to_owned());
        let broken: CallResult<&[u8]> =
            CallResult::CallError(CallError::ContractViolation { status, problem });
        assert_eq!(is_present(&broken, &sent), None);
    }

    #[test]
    fn surplus_counts_files_beyond_acknowledged_and_pending_uploads() {
        let password = Secret::new("correct-horse".to_owned());
        let account = &LoginRequest { username: "user-1".to_owned(), password };
        let known = AcknowledgedUpload {
            user: 0,
            file_id: "1".to_owned(),
            sha256: sha256(b""),
            hash_matches: true,
        };
        let pending = Some("late.bin".to_owned());
        let own = RecordedUploads { account, acknowledged: vec![known], pending };
        let file = |id: &str, name: &str| FileEntry {
            file_id: id.to_owned(),
            name: name.to_owned(),
            size: 0,
            content_type: String::new(),
            sha256: String::new(),
            uploaded_at: 0,
        };
        let mut listed = vec![file("1", "a.bin")];
        assert_eq!(own.extra_files(&listed), 0);
        listed.push(file("2", "late.bin"));
        assert_eq!(own.extra_files(&listed), 0, "stored, and the answer was lost");
        listed.push(file("3", "late.bin"));
        assert_eq!(own.extra_files(&listed), 1, "stored twice");
        listed.push(file("4", "a.bin"));
        assert_eq!(own.extra_files(&listed), 2);
    }
}
