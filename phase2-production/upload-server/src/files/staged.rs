//! An upload on its way to becoming a file.
//!
//! The order makes it atomic: first the bytes are durable under their own key. Then one
//! transaction writes the file, its idempotency key, the quota, the session's list and
//! the audit row. Only then is the client answered. A crash leaves all or nothing, and
//! perhaps an orphan blob for the janitor.

use crate::audit::AuditContext;
use crate::clock::now_ms;
use crate::error::Error;
use crate::files::reservation::FormReservation;
use crate::files::store::{Files, scope_of};
use crate::identity::{AuthMethod, Caller, Identity};
use crate::state::AppState;
use api_contract::files::FileCreated;
use api_contract::paths;
use api_contract::problem::ProblemKind;
use blobs::Moment;
use bytes::Bytes;
use futures_util::Stream;
use http_edge::refusal::Refusal;
use records::files::Stored;
use records::{Member, RecordsError, files, uploads};
use std::error::Error as StdError;
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::FileMeta;

/// A file as the caller describes it before sending the bytes.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// Owner of the file.
    pub(crate) owner: Member,
    /// File name from the caller.
    pub(crate) name: DisplayName,
    /// Content type from the caller.
    pub(crate) content_type: String,
    /// SHA-256 of the caller's idempotency key.
    pub(crate) key: Option<String>,
    /// Largest size in bytes.
    pub(crate) limit: u64,
    /// The account's epoch when the request was authorised; `None` for the janitor.
    pub(crate) epoch: Option<i64>,
}

/// A complete upload that is not visible yet. If it is dropped, its blob is removed.
pub(crate) struct Staged {
    pub(crate) files: Files,
    pub(crate) bytes: OrphanBlob,
    pub(crate) owner: Member,
    pub(crate) meta: FileMeta,
    pub(crate) key: Option<String>,
    /// Time from which the file store counts the age of the blob.
    pub(crate) since: Moment,
    pub(crate) epoch: Option<i64>,
    /// The reservation of an upload in one request.
    pub(crate) form: Option<FormReservation>,
}

/// A file that is durable.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The reply; for a repeated upload, the reply to the first one.
    pub(crate) created: FileCreated,
    /// This upload repeated an earlier one.
    pub(crate) repeated: bool,
}

impl Files {
    /// Streams the bytes of a file to a key that no row references yet.
    pub(crate) async fn stage<S, E>(&self, new: NewFile, body: S) -> Result<Staged, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (file_id, key) = self.allocate(&new.owner);
        let put = self.blobs.put(&key, body, new.limit).await?;
        Ok(self.staged(new, file_id, key, put))
    }

    /// A file id, and the key for its bytes.
    pub(crate) fn allocate(&self, owner: &Member) -> (FileId, String) {
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
            bytes: OrphanBlob { files: self.clone(), key: Some(blob_key) },
            files: self.clone(),
            owner: new.owner,
            meta,
            key: new.key,
            since: put.since,
            epoch: new.epoch,
            form: None,
        }
    }
}

impl Staged {
    /// Makes the file visible. Completes `upload` if there is one, and adds the file to
    /// `session` if the database keeps it. After `Ok` the file is durable.
    pub(crate) async fn publish(
        self,
        upload: Option<FileId>,
        session: Option<String>,
        cause: &AuditContext,
    ) -> Result<Published, Error> {
        self.check_store().await?;
        let created = created(&self.meta, &self.files.replica_id);
        let Self { files: store, mut bytes, owner, meta, key, since, epoch, form } = self;
        // The other half is for the transaction, and for clock differences.
        let (not_after, not_after_ms) = since.after(store.orphan_grace / 2);
        let subject = meta.file_id.to_string();
        let mut row = files::NewFile {
            audit: cause.row(&owner, "file.stored", &subject),
            answer: serde_json::to_string(&created).map_err(Error::broken)?,
            blob_key: bytes.key.clone().unwrap_or_default(),
            quota: store.quota,
            not_after,
            not_after_ms,
            epoch,
            form: form.as_ref().and_then(FormReservation::id),
            owner,
            meta,
            key,
            session,
        };
        let done = store.records.run(scope_of(&row.owner), move |tx| {
            Box::pin(async move {
                // As late as possible, because event polls look back only a limited time.
                row.meta.uploaded_at = now_ms();
                match upload {
                    Some(id) => uploads::complete(tx, id, &row).await,
                    None => files::store(tx, &row).await,
                }
            })
        });
        let done = done.await;
        if may_be_referenced(&done) {
            bytes.key = None;
        }
        if let (Ok(_), Some(form)) = (&done, form) {
            form.settle();
        }
        outcome(done?, created)
    }

    /// Checks that the bytes are in the store of this deployment. If its disk was unmounted
    /// meanwhile, they are in the folder below, and the file would have none after the
    /// remount. A repetition has stored no bytes.
    async fn check_store(&self) -> Result<(), Error> {
        if self.bytes.key.is_some() {
            self.files.blobs.check_owner().await?;
        }
        Ok(())
    }
}

/// Whether a row may reference the blob now. After an unconfirmed commit the row may
/// exist, so the blob stays; the janitor removes it if it has no row.
fn may_be_referenced(done: &Result<Stored, RecordsError>) -> bool {
    match done {
        Ok(stored) => matches!(stored, Stored::Yes),
        Err(error) => error.may_be_committed(),
    }
}

fn outcome(done: Stored, created: FileCreated) -> Result<Published, Error> {
    let refused = |kind| Err(Refusal::new(kind).into());
    match done {
        Stored::Yes => Ok(Published { created, repeated: false }),
        Stored::Repeated { answer } => Published::repeated(&answer),
        Stored::KeyReused => refused(ProblemKind::IdempotencyKeyReused),
        Stored::QuotaExceeded => refused(ProblemKind::QuotaExceeded),
        Stored::NoUpload => refused(ProblemKind::UploadNotFound),
        Stored::AccountEnded => Err(Error::AccountEnded),
        Stored::TooLate => Err(Refusal::new(ProblemKind::FileStoreUnavailable)
            .detail("Storing the file took too long. Send it again.")
            .retry_after(1)
            .into()),
    }
}

impl Published {
    /// The reply to the first upload.
    pub(crate) fn repeated(answer: &str) -> Result<Self, Error> {
        let created = serde_json::from_str(answer).map_err(Error::broken)?;
        Ok(Self { created, repeated: true })
    }

    /// Adds the file to a session that lives outside the database. If that fails, the
    /// file is still stored.
    pub(crate) async fn add_to_session(&self, app: &AppState, caller: &Caller) {
        let (Identity::Sessions(sessions), AuthMethod::Session(id), false) =
            (&app.identity, &caller.auth, self.repeated)
        else {
            return;
        };
        if let Err(error) = sessions.add_file(id, &self.created.name).await {
            tracing::warn!(%error, "a file cannot be added to its session");
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

/// A blob that no row references yet. Dropped with its key, it is removed.
pub(crate) struct OrphanBlob {
    pub(crate) files: Files,
    pub(crate) key: Option<String>,
}

impl Drop for OrphanBlob {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(key), Ok(runtime)) = (self.key.take(), runtime) {
            let files = self.files.clone();
            runtime.spawn(async move { files.delete_blob(&key).await });
        }
    }
}
