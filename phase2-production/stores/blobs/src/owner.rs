//! The deployment that owns a store.
//!
//! The janitor removes each blob that has no row in its database, so it would remove the files
//! of every other deployment with the same store.

use crate::config::Blobs;
use crate::error::{BlobError, ReserveError};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode};

/// The object with the id of the owner.
const OWNER: &str = ".deployment";

impl Blobs {
    /// Reserves the store for a deployment: the first one to call this owns it from then on.
    /// `deployment` is the id that all replicas with the same database share.
    ///
    /// # Errors
    /// If another deployment owns the store, or the store fails.
    pub async fn reserve(&self, deployment: &str) -> Result<(), ReserveError> {
        if self.owner().await?.is_none() {
            // Of two deployments that start at the same moment one makes the object. The
            // other reads it below.
            let (path, id) = (Path::from(OWNER), deployment.to_owned().into());
            let put = self.objects().put_opts(&path, id, PutMode::Create.into()).await;
            match put {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(self.error(error).into()),
            }
        }
        match self.owner().await? {
            Some(owner) if owner != deployment => {
                Err(ReserveError::Owned { owner, deployment: deployment.to_owned() })
            }
            _ => {
                let _same = self.deployment.set(deployment.to_owned());
                Ok(())
            }
        }
    }

    /// Checks that the store still is the reserved one: its disk may have been unmounted, or
    /// its address may lead to another store. Without a reservation any store will do.
    ///
    /// # Errors
    /// [`BlobError::AnotherStore`] if it is not, or an error of the store.
    pub async fn check_owner(&self) -> Result<(), BlobError> {
        let (owner, deployment) = (self.owner().await?, self.deployment.get());
        match deployment.is_none() || owner.as_ref() == deployment {
            true => Ok(()),
            false => Err(BlobError::AnotherStore),
        }
    }

    /// The id of the deployment that owns the store.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn owner(&self) -> Result<Option<String>, BlobError> {
        let path = Path::from(OWNER);
        let read = async { self.objects().get(&path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(error)),
        }
    }
}
