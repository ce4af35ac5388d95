//! Publishes keys: the JWK set, and new keys by rotation.

use super::rotation::Requester;
use super::{TokenError, Tokens, now};
use crate::audit::AuditContext;
use jsonwebtoken::jwk::JwkSet;
use records::Member;
use std::time::Duration;

impl Tokens {
    /// The public keys that verify our tokens (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        self.0.ring.current().jwks(now())
    }

    /// For how long a client may cache [`Tokens::jwks`]: less than the time from the
    /// publication of a key to its first signature.
    #[must_use]
    pub fn jwks_cache_lifetime(&self) -> Duration {
        self.0.ring.cache_lifetime()
    }

    /// Publishes a new signing key, which signs after every replica has loaded it.
    /// Returns its key id, or `None` if the member is no operator when the key is added.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn rotate(
        &self,
        member: &Member,
        audit: &AuditContext,
    ) -> Result<Option<String>, TokenError> {
        let ring = &self.0.ring;
        let requester = Requester { member: member.clone(), audit: audit.clone() };
        let kid = ring.publish_for(requester, self.0.algorithm).await?;
        if kid.is_some() {
            ring.refresh(now()).await?;
        }
        Ok(kid)
    }
}
