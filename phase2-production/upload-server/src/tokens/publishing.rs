//! Keys, for those who check our tokens, and for those who want new ones.

use super::rotation::Wanted;
use super::{TokenError, Tokens, now};
use crate::audit::AuditContext;
use jsonwebtoken::jwk::JwkSet;
use records::{Member, Scope, audit};

impl Tokens {
    /// The public keys that our tokens can be checked with (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.0.ring.current().jwks(now())
    }

    /// Publishes a new signing key, which signs once every replica must have seen it.
    /// Returns its name.
    ///
    /// # Errors
    /// When the records do not answer.
    pub async fn rotate(
        &self,
        member: &Member,
        audit: &AuditContext,
    ) -> Result<String, TokenError> {
        let ring = &self.0.ring;
        let kid = ring.publish(self.0.algorithm, Wanted::Always, now).await?;
        ring.refresh(now()).await?;
        let row = audit.row(member, "key.rotated", &kid);
        let scope = Scope::Organisation(member.organisation.clone());
        let written = self
            .0
            .records
            .run(scope, move |tx| Box::pin(async move { audit::write(tx, &row).await }));
        written.await?;
        Ok(kid)
    }
}
