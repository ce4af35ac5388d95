//! Files, as the handlers use them: rows that say whose they are, and bytes that lie
//! elsewhere.

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

/// A handle on rows and bytes.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) quota: Allowance,
    /// Age at which a janitor takes bytes without a row for forgotten ones.
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

/// What this person's transactions see.
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
        let page = self.records.look(scope, move |tx| {
            Box::pin(async move { files::list(tx, &owner, after, limit).await })
        });
        Ok(page.await?)
    }

    /// One file, and the way to its bytes.
    pub(crate) async fn read(
        &self,
        owner: &Member,
        id: FileId,
    ) -> Result<(FileMeta, Content), Error> {
        let (scope, owner) = (scope_of(owner), owner.clone());
        let found = self.records.look(scope, move |tx| {
            Box::pin(async move { files::find(tx, &owner, id).await })
        });
        let found = found.await?.ok_or(Error::FileNotFound)?;
        let content = Content { blobs: self.blobs.clone(), key: found.blob_key };
        Ok((found.meta, content))
    }

    /// Removes one file, for good.
    pub(crate) async fn delete(
        &self,
        owner: &Member,
        id: FileId,
        cause: &AuditContext,
    ) -> Result<(), Error> {
        let deed = cause.row(owner, "file.deleted", &id.to_string());
        let (scope, owner) = (scope_of(owner), owner.clone());
        let gone = self.records.run(scope, move |tx| {
            Box::pin(async move { files::delete(tx, &owner, id, &deed).await })
        });
        let gone = gone.await?.ok_or(Error::FileNotFound)?;
        self.forget(&gone.blob_key).await;
        Ok(())
    }

    /// Removes bytes that no row names any more. What cannot be removed now, the janitor
    /// removes.
    pub(crate) async fn forget(&self, blob_key: &str) {
        if let Err(error) = self.blobs.delete(blob_key).await {
            tracing::warn!(%error, blob_key, "bytes are left to the janitor");
        }
    }
}

/// The way to a file's bytes.
pub(crate) struct Content {
    blobs: Blobs,
    key: String,
}

impl Content {
    /// Some of them, as a reply's body.
    pub(crate) async fn range(self, range: Range<u64>) -> Result<Body, Error> {
        let bytes = self.blobs.get(&self.key, Some(range)).await.map_err(gone)?;
        Ok(Body::from_stream(bytes.map_err(axum::Error::new)))
    }

    /// All of them, in memory: for small files.
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

/// Between its row and its bytes, a file may have been deleted.
fn gone(error: BlobError) -> Error {
    match error {
        BlobError::NotFound => Error::FileNotFound,
        error => error.into(),
    }
}
