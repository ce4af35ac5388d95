//! Files for the handlers: rows in the database, bytes in the file store.

use crate::audit::AuditContext;
use crate::error::Error;
use axum::body::Body;
use blobs::read::Bytestream;
use blobs::{BlobError, Blobs};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use records::quota::Allowance;
use records::{Member, Records, Scope, authority, files};
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

    /// The epoch of an account that may write now. The transaction that publishes its
    /// bytes compares it.
    ///
    /// # Errors
    /// With [`Error::AccountEnded`] if the account is disabled.
    pub(crate) async fn epoch_of(&self, account: &Member) -> Result<i64, Error> {
        let (scope, account) = (scope_of(account), account.clone());
        let epoch = self.records.read(scope, move |tx| {
            Box::pin(async move { authority::epoch_of(tx, &account).await })
        });
        epoch.await?.ok_or(Error::AccountEnded)
    }

    /// Removes one file permanently.
    ///
    /// # Errors
    /// With [`Error::AccountEnded`] if the account is disabled.
    pub(crate) async fn delete(
        &self,
        owner: &Member,
        id: FileId,
        cause: &AuditContext,
    ) -> Result<(), Error> {
        let row = cause.row(owner, "file.deleted", &id.to_string());
        let (scope, owner) = (scope_of(owner), owner.clone());
        let gone = self.records.run(scope, move |tx| {
            Box::pin(async move {
                if !authority::may_remove(tx, &owner).await? {
                    return Ok(None);
                }
                files::delete(tx, &owner, id, &row).await.map(Some)
            })
        });
        let gone = gone.await?.ok_or(Error::AccountEnded)?.ok_or(Error::FileNotFound)?;
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
        let bytes = self.bytes(Some(range)).await?;
        Ok(Body::from_stream(bytes.map_err(axum::Error::new)))
    }

    /// All of them in memory: for small files.
    pub(crate) async fn read_to_end(self) -> Result<Vec<u8>, Error> {
        let mut bytes = self.bytes(None).await?;
        let mut all = Vec::new();
        while let Some(chunk) = bytes.next().await {
            let chunk: Bytes = chunk?;
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    async fn bytes(&self, range: Option<Range<u64>>) -> Result<Bytestream, Error> {
        match self.blobs.get(&self.key, range).await {
            Err(BlobError::NotFound) => Err(self.missing().await),
            found => Ok(found?),
        }
    }

    /// The file may have been deleted between the read of its row and of its bytes. In
    /// another store every file is missing. That must not be a 404, after which a client
    /// deletes its copy.
    async fn missing(&self) -> Error {
        match self.blobs.check_owner().await {
            Ok(()) => Error::FileNotFound,
            Err(error) => error.into(),
        }
    }
}
