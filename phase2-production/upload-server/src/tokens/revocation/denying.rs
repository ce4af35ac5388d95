//! Ending what the modes can end: in the records first, then in Redis.

use super::Revocations;
use super::memory::{family_name, version_name};
use crate::clock::now;
use crate::hearsay;
use crate::tokens::access::ISSUER;
use cache::Written;
use records::users::SignedOut;
use records::{AnyConnection, OrgId, RecordsError, revoked};
use upload_domain::username::Username;

/// What ended in a transaction, by the names that it has in the deny list. When that has
/// committed, Redis is to be told.
#[must_use]
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended(Vec<String>);

impl Revocations {
    /// Whether a logout ends everything of a user, because versions cannot end less.
    pub(crate) const fn is_coarse(&self) -> bool {
        self.memory.compares_versions() && !self.memory.denies()
    }

    /// Denies a family of tokens, and one token of it if it has a name.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn end_family(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        family: &str,
        jti: Option<String>,
    ) -> Result<Ended, RecordsError> {
        if !self.memory.denies() {
            return Ok(Ended::default());
        }
        let names = jti.into_iter().chain([family_name(family)]).collect();
        self.write(tx, organisation, Ended(names)).await
    }

    /// After everything of a user died in this transaction: the old version is denied, and
    /// where versions are not compared, each family.
    ///
    /// # Errors
    /// When the records do not answer.
    pub(crate) async fn end_all_of(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        username: &Username,
        died: &SignedOut,
    ) -> Result<Ended, RecordsError> {
        let names = if self.memory.compares_versions() {
            vec![version_name(username, died.epoch)]
        } else if self.memory.denies() {
            died.families.iter().map(|family| family_name(family)).collect()
        } else {
            Vec::new()
        };
        self.write(tx, organisation, Ended(names)).await
    }

    async fn write(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        ended: Ended,
    ) -> Result<Ended, RecordsError> {
        let now = now();
        for name in &ended.0 {
            let denied = revoked::Denied {
                issuer: ISSUER.to_owned(),
                jti: name.clone(),
                expires_at: now.saturating_add(self.memory.longest_life),
            };
            revoked::deny(tx, organisation, &denied, now).await?;
        }
        Ok(ended)
    }

    /// Tells Redis what the records already know. When this returns, every replica knows it:
    /// if Redis could not be told, because they have heard of it from the records.
    pub(crate) async fn tell(&self, ended: &Ended) {
        if self.memory.tell(&ended.0).await == Written::Later {
            hearsay::heard_by_all().await;
        }
    }
}
