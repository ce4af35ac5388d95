//! The request that writes the bytes of an upload in one piece.
//!
//! The upload's size is reserved once, so its bytes may be on disk once. The newest
//! request goes on; an earlier one stops within a second, on any replica.

use crate::error::Error;
use crate::files::store::Files;
use api_contract::problem::ProblemKind;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_edge::refusal::Refusal;
use records::uploads::Upload;
use records::uploads::claims::{self, MayWrite};
use records::{RecordsError, Scope};
use std::error::Error as StdError;
use std::time::Duration;
use tokio::time::Instant;
use upload_domain::file_id::FileId;

/// Longest time between two checks of the claim.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Most bytes between two checks of the claim.
const CHECK_BYTES: usize = 1024 * 1024;

type Cause = Box<dyn StdError + Send + Sync>;

/// The claim of one request.
#[derive(Clone)]
pub(crate) struct Writer {
    files: Files,
    upload: Upload,
    epoch: Option<i64>,
    id: String,
}

impl Writer {
    /// Claims the upload; earlier requests that write it stop. `epoch` is the account's
    /// when the request, or its URL, was authorised.
    ///
    /// # Errors
    /// With `upload-busy` while the upload is being completed.
    pub(crate) async fn claim(
        files: &Files,
        upload: &Upload,
        epoch: Option<i64>,
    ) -> Result<Self, Error> {
        let writer = Self {
            files: files.clone(),
            upload: upload.clone(),
            epoch,
            id: FileId::new().to_string(),
        };
        let (scope, own) = (writer.scope(), writer.clone());
        let claimed = files.records.run(scope, move |tx| {
            Box::pin(async move {
                claims::start_writing(tx, &own.upload, &own.id, own.epoch).await
            })
        });
        allowed(claimed.await?)?;
        Ok(writer)
    }

    /// The body, until another request claims the upload or the account ends.
    pub(crate) fn watch<S, E>(
        &self,
        body: S,
    ) -> impl Stream<Item = Result<Bytes, Cause>> + Unpin + Send
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Into<Cause> + Send,
    {
        let watched = Watched {
            body,
            writer: self.clone(),
            unchecked: 0,
            checked_at: Instant::now(),
        };
        let chunks = stream::try_unfold(watched, async |mut watched| {
            Ok(watched.next().await?.map(|chunk| (chunk, watched)))
        });
        Box::pin(chunks)
    }

    /// Checks the claim and the account.
    ///
    /// # Errors
    /// With `upload-busy` if another request has the claim.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        allowed(self.may_go_on().await?)
    }

    async fn may_go_on(&self) -> Result<MayWrite, RecordsError> {
        let own = self.clone();
        let may = self.files.records.read(self.scope(), move |tx| {
            Box::pin(async move {
                claims::may_go_on_writing(tx, &own.upload, &own.id, own.epoch).await
            })
        });
        may.await
    }

    fn scope(&self) -> Scope {
        Scope::Organisation(self.upload.organisation.clone())
    }
}

struct Watched<S> {
    body: S,
    writer: Writer,
    unchecked: usize,
    checked_at: Instant,
}

impl<S, E> Watched<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Cause>,
{
    async fn next(&mut self) -> Result<Option<Bytes>, Cause> {
        loop {
            let is_due = self.checked_at.elapsed() >= CHECK_INTERVAL;
            if is_due || self.unchecked >= CHECK_BYTES {
                self.check().await?;
            }
            let due = tokio::time::sleep_until(self.checked_at + CHECK_INTERVAL);
            tokio::select! {
                chunk = self.body.next() => {
                    let chunk = chunk.transpose().map_err(Into::into)?;
                    self.unchecked += chunk.as_ref().map_or(0, Bytes::len);
                    return Ok(chunk);
                }
                () = due => {}
            }
        }
    }

    /// A database that does not answer now decides nothing: the last step asks again.
    async fn check(&mut self) -> Result<(), Cause> {
        let may = self.writer.may_go_on().await.unwrap_or(MayWrite::Yes);
        (self.unchecked, self.checked_at) = (0, Instant::now());
        Ok(allowed(may)?)
    }
}

fn allowed(may: MayWrite) -> Result<(), Error> {
    match may {
        MayWrite::Yes => Ok(()),
        MayWrite::Superseded => Err(busy()),
        MayWrite::AccountEnded => Err(Error::AccountEnded),
    }
}

/// The refusal while another request works on the upload.
pub(crate) fn busy() -> Error {
    Refusal::new(ProblemKind::UploadBusy)
        .detail("Another request writes or completes this upload. Ask for its state.")
        .retry_after(1)
        .into()
}
