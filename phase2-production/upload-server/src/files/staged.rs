//! An upload on its way to becoming a file.
//!
//! The order is the promise: the bytes are durable under a key of their own; then one
//! transaction writes the file, its idempotency key, the charge, what the session remembers
//! and the audit row; only then does the caller hear of it. A crash at any point leaves everything or nothing, and
//! perhaps bytes that no row names, for the janitor.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::clock::now_ms;
use crate::error::Error;
use crate::files::store::{Files, scope_of};
use crate::identity::{Caller, Identity, Proof};
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use futures_util::Stream;
use http_edge::refusal::Refusal;
use records::files::Stored;
use records::{Member, RecordsError, files, uploads};
use std::error::Error as StdError;
use std::time::Instant;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::FileMeta;

/// What the caller says of a file before its bytes come.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// Whose it will be.
    pub(crate) owner: Member,
    /// The caller's name for it.
    pub(crate) name: DisplayName,
    /// The type the caller declares.
    pub(crate) content_type: String,
    /// SHA-256 of the caller's idempotency key.
    pub(crate) key: Option<String>,
    /// Bytes beyond which the upload is refused.
    pub(crate) limit: u64,
}

/// A complete upload that nobody sees yet. Dropped, it is gone.
pub(crate) struct Staged {
    pub(crate) files: Files,
    pub(crate) bytes: Loose,
    pub(crate) owner: Member,
    pub(crate) meta: FileMeta,
    pub(crate) key: Option<String>,
    /// From when on the store counts the age of the bytes.
    pub(crate) since: Instant,
}

/// A file that is on disk and stays there.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// What the caller is told, or was told the first time.
    pub(crate) created: FileCreated,
    /// It was there already: this upload repeated another one.
    pub(crate) repeated: bool,
}

impl Files {
    /// Streams the bytes of a file to where nobody sees them yet.
    pub(crate) async fn stage<S, E>(&self, new: NewFile, body: S) -> Result<Staged, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (file_id, key) = self.place_for(&new.owner);
        let put = self.blobs.put(&key, body, new.limit).await?;
        Ok(self.staged(new, file_id, key, put))
    }

    /// An id for a file, and where its bytes go.
    pub(crate) fn place_for(&self, owner: &Member) -> (FileId, String) {
        let file_id = FileId::new();
        (file_id, format!("files/{}/{file_id}", owner.organisation))
    }

    pub(crate) fn staged(
        &self,
        new: NewFile,
        file_id: FileId,
        blob_key: String,
        put: blobs::Put,
    ) -> Staged {
        let meta = FileMeta {
            file_id,
            name: new.name,
            size: put.size,
            content_type: new.content_type,
            sha256: put.sha256,
            uploaded_at: now_ms(),
        };
        Staged {
            bytes: Loose { files: self.clone(), key: Some(blob_key) },
            files: self.clone(),
            owner: new.owner,
            meta,
            key: new.key,
            since: put.since,
        }
    }
}

impl Staged {
    /// Makes it visible, as the end of `upload` if there is one, and to `session` if the
    /// records keep one. When this returns `Ok`, the file is on disk and stays there.
    pub(crate) async fn publish(
        self,
        upload: Option<FileId>,
        session: Option<String>,
        cause: &AuditContext,
    ) -> Result<Published, Error> {
        let created = created(&self.meta, &self.files.replica_id);
        let Self { files: store, mut bytes, owner, meta, key, since } = self;
        let subject = meta.file_id.to_string();
        let mut row = files::NewFile {
            audit: cause.row(&owner, "file.stored", &subject),
            answer: serde_json::to_string(&created).map_err(Error::broken)?,
            blob_key: bytes.key.clone().unwrap_or_default(),
            quota: store.quota,
            // Half of it is left for the transaction, and for clocks that differ.
            not_after: since + store.orphan_grace / 2,
            owner,
            meta,
            key,
            session,
        };
        let done = store.records.run(scope_of(&row.owner), move |tx| {
            Box::pin(async move {
                // As late as can be: who listens looks back only so far.
                row.meta.uploaded_at = now_ms();
                match upload {
                    Some(id) => uploads::complete(tx, id, &row).await,
                    None => files::store(tx, &row).await,
                }
            })
        });
        let done = done.await;
        if may_be_named(&done) {
            bytes.key = None;
        }
        outcome(done?, created)
    }
}

/// Whether a row may name the bytes now. A commit that was not heard of may have happened:
/// bytes that have no row after all are the janitor's. Before the commit nothing has.
fn may_be_named(done: &Result<Stored, RecordsError>) -> bool {
    match done {
        Ok(stored) => matches!(stored, Stored::Yes),
        Err(error) => error.may_be_committed(),
    }
}

fn outcome(done: Stored, created: FileCreated) -> Result<Published, Error> {
    let refused = |kind| Err(Refusal::new(kind).into());
    match done {
        Stored::Yes => Ok(Published { created, repeated: false }),
        Stored::Repeated { answer } => Published::again(&answer),
        Stored::KeyReused => refused(ProblemKind::IdempotencyKeyReused),
        Stored::QuotaExceeded => refused(ProblemKind::QuotaExceeded),
        Stored::NoUpload => refused(ProblemKind::UploadNotFound),
        Stored::TooLate => Err(Refusal::new(ProblemKind::FileStoreUnavailable)
            .detail("It took too long to store the file. Send it again.")
            .retry_after(1)
            .into()),
    }
}

impl Published {
    /// The answer that was given the first time.
    pub(crate) fn again(answer: &str) -> Result<Self, Error> {
        let created = serde_json::from_str(answer).map_err(Error::broken)?;
        Ok(Self { created, repeated: true })
    }

    /// Adds it to what the caller's session remembers outside of the records. The file is
    /// stored, whatever becomes of that.
    pub(crate) async fn remember(&self, app: &AppState, caller: &Caller) {
        let (Identity::Sessions(sessions), Proof::Session(id), false) =
            (&app.identity, &caller.proof, self.repeated)
        else {
            return;
        };
        if let Err(error) = sessions.add_file(id, &self.created.name).await {
            tracing::warn!(%error, "a session does not remember a file");
        }
    }
}

fn created(meta: &FileMeta, served_by: &str) -> FileCreated {
    let file_id = meta.file_id.to_string();
    FileCreated {
        url: paths::file(&file_id),
        file_id,
        name: meta.name.to_string(),
        size: meta.size,
        sha256: meta.sha256.clone(),
        served_by: served_by.to_owned(),
    }
}

/// Bytes that no row names yet. Dropped with their key, they are removed.
pub(crate) struct Loose {
    pub(crate) files: Files,
    pub(crate) key: Option<String>,
}

impl Drop for Loose {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(key), Ok(runtime)) = (self.key.take(), runtime) {
            let files = self.files.clone();
            runtime.spawn(async move { files.forget(&key).await });
        }
    }
}
