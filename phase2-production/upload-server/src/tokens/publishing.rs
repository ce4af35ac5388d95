//! Publishes keys: the JWK set, and new keys by rotation.

use super::rotation::Wanted;
use super::{TokenError, Tokens, now};
use crate::audit::AuditContext;
use jsonwebtoken::jwk::JwkSet;
use records::{Member, Scope, audit};

impl Tokens {
    /// The public keys that verify our tokens (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.0.ring.current().jwks(now())
    }

    /// Publishes a new signing key, which signs after every replica has loaded it.
    /// Returns its key id.
    ///
    /// # Errors
    /// When the database does not answer.
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
