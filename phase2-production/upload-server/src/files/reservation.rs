//! A reservation of quota for the bytes of a form that is arriving.

use super::store::{Files, scope_of};
use records::Member;
use records::uploads::forms;
use upload_domain::file_id::FileId;

/// A reservation; released on drop, unless the file is published.
pub(crate) struct FormReservation {
    files: Files,
    owner: Member,
    id: Option<FileId>,
}

impl FormReservation {
    /// The reservation `id`, which the records have made.
    pub(super) const fn new(files: Files, owner: Member, id: FileId) -> Self {
        Self { files, owner, id: Some(id) }
    }

    pub(crate) const fn id(&self) -> Option<FileId> {
        self.id
    }

    /// The transaction that published the file has released the reservation.
    pub(crate) fn settle(mut self) {
        self.id = None;
    }
}

impl Drop for FormReservation {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        let (Some(id), Ok(runtime)) = (self.id.take(), runtime) else {
            return;
        };
        let (records, owner) = (self.files.records.clone(), self.owner.clone());
        runtime.spawn(async move {
            let released = records.run(scope_of(&owner), move |tx| {
                Box::pin(async move { forms::release(tx, &owner, id).await })
            });
            if let Err(error) = released.await {
                tracing::warn!(%error, "a reservation stays until its lease ends");
            }
        });
    }
}
