//! Files for the handlers: rows in the database, bytes in the file store.

use crate::app::AppState;
use crate::audit::AuditContext;
use crate::error::Error;
use axum::body::Body;
use blobs::{BlobError, Blobs};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use records::quota::Allowance;
use records::{Member, Records, Scope, files};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use upload_domain::file_id::FileId;
use upload_domain::file_store::{FileMeta, Page};

/// Access to rows and blobs.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) quota: Allowance,
    /// Age at which a janitor treats a blob without a row as an orphan.
    pub(crate) orphan_grace: Duration,
    pub(crate) replica_id: Arc<str>,
}

impl AppState {
    pub(crate) fn files(&self) -> Files {
        Files {
            records: self.records.clone(),
            blobs: self.blobs.clone(),
            quota: self.quota,
            orphan_grace: self.orphan_grace,
            replica_id: Arc::clone(&self.replica_id),
        }
    }
}

/// The scope of this account's transactions.
pub(crate) fn scope_of(member: &Member) -> Scope {
    Scope::Organisation(member.organisation.clone())
}

impl Files {
    /// The newest files of `owner` that are older than `after`, at most `limit`.
    pub(crate) async fn list(
        &self,
        owner: &Member,
        after: Option<FileId>,
        limit: usize,
    ) -> Result<Page, Error> {
        let (scope, owner) = (scope_of(owner), owner.clone());
        let page = self.records.read(scope, move |tx| {
            Box::pin(async move { files::list(tx, &owner, after, limit).await })
        });
        Ok(page.await?)
    }

    /// One file, and access to its bytes.
    pub(crate) async fn read(
        &self,
        owner: &Member,
        id: FileId,
    ) -> Result<(FileMeta, Content), Error> {
        let (scope, owner) = (scope_of(owner), owner.clone());
        let found = self.records.read(scope, move |tx| {
            Box::pin(async move { files::find(tx, &owner, id).await })
        });
        let found = found.await?.ok_or(Error::FileNotFound)?;
        let content = Content { blobs: self.blobs.clone(), key: found.blob_key };
        Ok((found.meta, content))
    }

    /// Removes one file permanently.
    pub(crate) async fn delete(
        &self,
        owner: &Member,
        id: FileId,
        cause: &AuditContext,
    ) -> Result<(), Error> {
        let row = cause.row(owner, "file.deleted", &id.to_string());
        let (scope, owner) = (scope_of(owner), owner.clone());
        let gone = self.records.run(scope, move |tx| {
            Box::pin(async move { files::delete(tx, &owner, id, &row).await })
        });
        let gone = gone.await?.ok_or(Error::FileNotFound)?;
        self.delete_blob(&gone.blob_key).await;
        Ok(())
    }

    /// Removes a blob that no row references. If that fails, the janitor removes it
    /// later.
    pub(crate) async fn delete_blob(&self, blob_key: &str) {
        if let Err(error) = self.blobs.delete(blob_key).await {
            tracing::warn!(%error, blob_key, "the janitor will remove the blob");
        }
    }
}

/// Access to a file's bytes.
pub(crate) struct Content {
    blobs: Blobs,
    key: String,
}

impl Content {
    /// A range of them, as a response body.
    pub(crate) async fn range(self, range: Range<u64>) -> Result<Body, Error> {
        let bytes = self.blobs.get(&self.key, Some(range)).await.map_err(gone)?;
        Ok(Body::from_stream(bytes.map_err(axum::Error::new)))
    }

    /// All of them in memory: for small files.
    pub(crate) async fn read_to_end(self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.blobs.get(&self.key, None).await.map_err(gone)?;
        let mut all = Vec::new();
        while let Some(chunk) = bytes.next().await {
            let chunk: Bytes = chunk?;
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }
}

/// The file may be deleted between the read of its row and of its bytes.
fn gone(error: BlobError) -> Error {
    match error {
        BlobError::NotFound => Error::FileNotFound,
        error => error.into(),
    }
}
