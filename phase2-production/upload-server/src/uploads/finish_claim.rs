//! The claim to make the file of an upload: one request does the work, others wait for
//! its outcome.

use crate::error::Error;
use crate::state::AppState;
use crate::uploads::pending::not_found;
use crate::uploads::writer::busy;
use records::uploads::Upload;
use records::uploads::claims::{self, FINISH_LEASE_MS, Finishing, MayFinish};
use records::{Records, RecordsError, Scope};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use upload_domain::file_id::FileId;

/// Time between two reads of the state while another request makes the file.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Time between two renewals of the claim: two may fail before it expires.
const RENEWAL_INTERVAL: Duration =
    Duration::from_millis(FINISH_LEASE_MS.unsigned_abs() / 3);

/// The outcome of asking for the claim.
pub(crate) enum Claim {
    /// This request makes the file.
    Own(Box<FinishClaim>),
    /// Another request made it; this was the response, as JSON.
    Done(String),
}

/// The claim of one request; it is renewed until it is dropped.
pub(crate) struct FinishClaim {
    key: Key,
    _renewal: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Key {
    records: Records,
    upload: Upload,
    finisher: String,
    /// The account's epoch when the request was authorised.
    epoch: Option<i64>,
}

impl FinishClaim {
    /// Claims the upload, or waits at most for `patience` until another request has made
    /// the file.
    ///
    /// # Errors
    /// With `upload-busy` if it takes longer, and with [`Error::AccountEnded`] before any
    /// byte is read if the account may not write.
    pub(crate) async fn wait(
        app: &AppState,
        upload: &Upload,
        epoch: Option<i64>,
        patience: Duration,
    ) -> Result<Claim, Error> {
        let key = Key {
            records: app.records.clone(),
            upload: upload.clone(),
            finisher: FileId::new().to_string(),
            epoch,
        };
        let deadline = Instant::now() + patience;
        loop {
            match key.claim().await? {
                MayFinish::Yes => return Ok(Claim::Own(Box::new(Self::renewed(key)))),
                MayFinish::AccountEnded => return Err(Error::AccountEnded),
                MayFinish::No => {}
            }
            loop {
                match key.state().await? {
                    Finishing::Done(answer) => return Ok(Claim::Done(answer)),
                    Finishing::NoUpload => return Err(not_found()),
                    Finishing::Unclaimed => break,
                    Finishing::Claimed if Instant::now() >= deadline => {
                        return Err(busy());
                    }
                    Finishing::Claimed => tokio::time::sleep(POLL_INTERVAL).await,
                }
            }
        }
    }

    fn renewed(key: Key) -> Self {
        let own = key.clone();
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL_INTERVAL).await;
                if let Err(error) = own.claim().await {
                    tracing::warn!(%error, "cannot renew the claim on an upload");
                }
            }
        });
        Self { key, _renewal: AbortOnDropHandle::new(renewal) }
    }

    /// Ends the claim without a file, so that another request need not wait for its
    /// expiry.
    pub(crate) async fn release(self) {
        let Self { key, _renewal } = self;
        // A renewal after the release would claim again.
        drop(_renewal);
        let (records, scope) = (key.records.clone(), key.scope());
        let released = records.run(scope, move |tx| {
            Box::pin(async move {
                let Key { upload, finisher, .. } = &key;
                let (organisation, id) = (&upload.organisation, upload.upload_id);
                claims::stop_finishing(tx, organisation, id, finisher).await
            })
        });
        if let Err(error) = released.await {
            tracing::debug!(%error, "the claim on an upload ends with its lease");
        }
    }
}

impl Key {
    fn scope(&self) -> Scope {
        Scope::Organisation(self.upload.organisation.clone())
    }

    async fn claim(&self) -> Result<MayFinish, RecordsError> {
        let own = self.clone();
        let claimed = self.records.run(self.scope(), move |tx| {
            Box::pin(async move {
                let Self { upload, finisher, epoch, .. } = &own;
                claims::start_finishing(tx, upload, finisher, *epoch).await
            })
        });
        claimed.await
    }

    async fn state(&self) -> Result<Finishing, RecordsError> {
        let own = self.clone();
        let state = self.records.read(self.scope(), move |tx| {
            Box::pin(async move {
                let Upload { organisation, upload_id, .. } = &own.upload;
                claims::finishing(tx, organisation, *upload_id).await
            })
        });
        state.await
    }
}
