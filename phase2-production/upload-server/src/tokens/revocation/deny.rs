//! Writes revocations: to the database first, then to Redis.

use super::Revocations;
use super::cached::{family_name, version_name};
use crate::revocation_feed;
use crate::tokens::access::ISSUER;
use cache::Written;
use records::users::SignedOut;
use records::{AnyConnection, OrgId, RecordsError, revoked};
use upload_domain::username::Username;

/// Names in the deny list that a transaction has revoked. After its commit they must be
/// published to Redis.
#[must_use]
#[derive(Clone, Debug, Default)]
pub(crate) struct RevokedNames(Vec<String>);

impl RevokedNames {
    /// Adds the names of another change in the same transaction.
    pub(crate) fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

impl Revocations {
    /// Whether a logout revokes all tokens of the user, because a version covers all of
    /// them.
    pub(crate) const fn revokes_all_of_user(&self) -> bool {
        self.cached.compares_versions() && !self.cached.denies()
    }

    /// Denies a family of tokens, and one of its tokens if `jti` is given.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn deny_family(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        family: &str,
        jti: Option<String>,
    ) -> Result<RevokedNames, RecordsError> {
        if !self.cached.denies() {
            return Ok(RevokedNames::default());
        }
        let names = jti.into_iter().chain([family_name(family)]).collect();
        self.write(tx, organisation, RevokedNames(names)).await
    }

    /// Denies families of tokens that were revoked in this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn deny_families(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        families: &[String],
    ) -> Result<RevokedNames, RecordsError> {
        if !self.cached.denies() {
            return Ok(RevokedNames::default());
        }
        let names = families.iter().map(|family| family_name(family)).collect();
        self.write(tx, organisation, RevokedNames(names)).await
    }

    /// Denies more families of a user after [`Revocations::deny_all_of`]. A denied version
    /// covers them already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn deny_more_of(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        families: &[String],
    ) -> Result<RevokedNames, RecordsError> {
        if self.cached.compares_versions() {
            return Ok(RevokedNames::default());
        }
        self.deny_families(tx, organisation, families).await
    }

    /// After all credentials of a user were revoked in this transaction: denies the old
    /// version, or each family if versions are not compared.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn deny_all_of(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        username: &Username,
        revoked: &SignedOut,
    ) -> Result<RevokedNames, RecordsError> {
        let names = if self.cached.compares_versions() {
            vec![version_name(username, revoked.epoch)]
        } else if self.cached.denies() {
            revoked.families.iter().map(|family| family_name(family)).collect()
        } else {
            Vec::new()
        };
        self.write(tx, organisation, RevokedNames(names)).await
    }

    async fn write(
        &self,
        tx: &mut AnyConnection,
        organisation: &OrgId,
        revoked: RevokedNames,
    ) -> Result<RevokedNames, RecordsError> {
        // By a clock that is behind, the denial would end before the token does.
        let now = records::clock::now(tx).await?;
        for name in &revoked.0 {
            let denied = revoked::Denied {
                issuer: ISSUER.to_owned(),
                jti: name.clone(),
                expires_at: now.saturating_add(self.cached.max_lifetime_ms),
            };
            revoked::deny(tx, organisation, &denied, now).await?;
        }
        Ok(revoked)
    }

    /// Waits until every replica has applied the revocations that are committed now, whether
    /// or not they were published.
    ///
    /// # Errors
    /// When the database does not answer: another replica may not have received them.
    pub(crate) async fn wait_for_feeds(&self) -> Result<(), RecordsError> {
        match &self.feed {
            Some(_) => revocation_feed::acknowledged_by_all(&self.records).await,
            // Without a copy in Redis every replica asks the database.
            None => Ok(()),
        }
    }

    /// Writes committed revocations to Redis. When this returns, every replica has
    /// applied them: if Redis did not answer, through the revocation feed.
    ///
    /// # Errors
    /// When neither store answers: another replica may not have received them.
    pub(crate) async fn publish(
        &self,
        revoked: &RevokedNames,
    ) -> Result<(), RecordsError> {
        if revoked.0.is_empty() {
            return Ok(());
        }
        if self.cached.publish(&revoked.0).await == Written::Queued {
            revocation_feed::acknowledged_by_all(&self.records).await?;
        }
        Ok(())
    }
}
