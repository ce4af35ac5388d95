//! Ending what the modes can end: in the records first, then in Redis.

use super::{PATIENCE, Revocations, family_name};
use crate::tokens::access::ISSUER;
use records::users::SignedOut;
use records::{AnyConnection, OrgId, RecordsError, Scope, revoked};
use std::time::Duration;
use tokio::time::timeout;
use upload_domain::username::Username;

/// Between two tries to write down what must be written down.
const AGAIN: Duration = Duration::from_secs(1);

impl Revocations {
    /// Ends a family of tokens and one token of it, in the records; [`Self::tell`] follows.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn deny(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        names: &[String],
        now_ms: i64,
    ) -> Result<(), RecordsError> {
        if self.denies() {
            for jti in names {
                let denied = revoked::Denied {
                    issuer: ISSUER.to_owned(),
                    jti: jti.clone(),
                    expires_at: now_ms.saturating_add(self.longest_life),
                };
                revoked::deny(tx, organisation, &denied, now_ms).await?;
            }
        }
        Ok(())
    }

    /// Tells Redis what the records already know.
    pub(crate) async fn tell(&self, names: &[String]) {
        if self.denies() {
            self.denied.tell(names, self.longest_life).await;
        }
    }

    /// After everything of a user died in the records: no copy of the old version is
    /// believed any more, and where versions are not compared, each family is denied.
    pub(crate) async fn forget(
        &self,
        organisation: &OrgId,
        username: &Username,
        died: &SignedOut,
        now_ms: i64,
    ) {
        if self.compares_versions() {
            self.versions.forget(username).await;
        } else if self.denies() && !died.families.is_empty() {
            let names: Vec<_> = died.families.iter().map(|it| family_name(it)).collect();
            self.tell(&names).await;
            self.write_down(organisation.clone(), names, now_ms).await;
        }
    }

    /// Until it is written or no token is left that it could end.
    async fn write_down(&self, organisation: OrgId, names: Vec<String>, now_ms: i64) {
        let (this, life) = (self.clone(), self.longest_life);
        let tries = u64::try_from(life).unwrap_or(0) / 1_000 + 1;
        let writing = tokio::spawn(async move {
            for _try in 0..tries {
                match this.try_to_write(&organisation, &names, now_ms).await {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(%error, "a denial will be written later")
                    }
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        // The first try usually does it, and then the caller's answer is the whole truth.
        let _later = timeout(PATIENCE, writing).await;
    }

    async fn try_to_write(
        &self,
        organisation: &OrgId,
        names: &[String],
        now_ms: i64,
    ) -> Result<(), RecordsError> {
        let (this, organisation, names) =
            (self.clone(), organisation.clone(), names.to_vec());
        let scope = Scope::Organisation(organisation.clone());
        let written = self.records.run(scope, move |tx| {
            Box::pin(async move { this.deny(tx, &organisation, &names, now_ms).await })
        });
        written.await
    }
}
