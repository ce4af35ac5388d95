//! Which key signs and which keys verify, at a given time.
//!
//! A rotation has three steps, so that no valid token is refused (fault 24 of the lab's
//! list): the new key is published; it signs after every replica has loaded it; the old
//! key verifies until the last token that it signed has expired.

use super::keys::{SigningKey, VerifyingKey};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use std::sync::Arc;

/// A key and its times, in epoch milliseconds.
pub(crate) struct KnownKey {
    pub(crate) kid: String,
    pub(crate) verifying: Arc<VerifyingKey>,
    /// Absent if it was sealed with another secret file; verification still works.
    pub(crate) signing: Option<Arc<SigningKey>>,
    pub(crate) signs_from: i64,
    /// End of verification; known once a successor is published.
    pub(crate) verifies_until: Option<i64>,
}

/// All keys at one time, the newest last.
pub(crate) struct KeySet {
    keys: Vec<Arc<KnownKey>>,
    /// Time of the query, not of its answer.
    queried_at: i64,
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<Arc<KnownKey>>, queried_at: i64) -> Self {
        keys.sort_by(|a, b| (a.signs_from, &a.kid).cmp(&(b.signs_from, &b.kid)));
        Self { keys, queried_at }
    }

    /// The newest key that may sign at this time. A key that another secret file sealed is
    /// skipped: it must not keep this replica from issuing tokens.
    pub(crate) fn signer(&self, now_ms: i64) -> Option<&Arc<KnownKey>> {
        let signs =
            |key: &&Arc<KnownKey>| key.signs_from <= now_ms && key.signing.is_some();
        self.keys.iter().rfind(signs)
    }

    /// The key that signs last, whether this replica can use it or not.
    pub(crate) fn newest(&self) -> Option<&Arc<KnownKey>> {
        self.keys.last()
    }

    /// The key with this id, if it still verifies. A key verifies before it signs,
    /// because another replica's clock may be slightly ahead.
    pub(crate) fn verifier(&self, kid: &str, now_ms: i64) -> Option<&Arc<KnownKey>> {
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        key.verifies_until.is_none_or(|end| now_ms <= end).then_some(key)
    }

    /// The key with this id, retired or not.
    pub(crate) fn known(&self, kid: &str) -> Option<&Arc<KnownKey>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Whether a key that is missing from this set cannot sign anywhere yet, because a
    /// key is published for longer than `window_ms` before it signs.
    pub(crate) fn is_fresh(&self, now_ms: i64, window_ms: i64) -> bool {
        now_ms < self.queried_at.saturating_add(window_ms)
    }

    /// Public keys for verification by others (RFC 7517 §5).
    pub(crate) fn jwks(&self, now_ms: i64) -> JwkSet {
        let taken =
            |key: &&Arc<KnownKey>| key.verifies_until.is_none_or(|end| now_ms <= end);
        let public = |key: &Arc<KnownKey>| -> Jwk { key.verifying.jwk.clone() };
        JwkSet { keys: self.keys.iter().filter(taken).map(public).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::credentials::SigningAlgorithm;
    use crate::tokens::keys::StoredKey;
    use crate::tokens::sealing::SealingKey;

    fn key(signs_from: i64, verifies_until: Option<i64>) -> Arc<KnownKey> {
        let sealing = SealingKey::from_bytes(&[1; 32]);
        let stored = StoredKey::make(SigningAlgorithm::Eddsa, &sealing).unwrap();
        Arc::new(KnownKey {
            kid: stored.kid.clone(),
            verifying: Arc::new(stored.verifying().unwrap()),
            signing: Some(Arc::new(stored.signing(&sealing).unwrap())),
            signs_from,
            verifies_until,
        })
    }

    #[test]
    fn new_key_is_published_first_and_old_key_keeps_verifying() {
        let (old, new) = (key(0, Some(1_900)), key(1_000, None));
        let set = KeySet::new(vec![Arc::clone(&new), Arc::clone(&old)], 0);
        let signer = |now| set.signer(now).map(|key| key.kid.clone());
        assert_eq!(signer(999), Some(old.kid.clone()));
        assert_eq!(signer(1_000), Some(new.kid.clone()));
        for now in [0, 999, 1_000, 1_900] {
            assert!(set.verifier(&old.kid, now).is_some(), "old at {now}");
            assert!(set.verifier(&new.kid, now).is_some(), "new at {now}");
            assert_eq!(set.jwks(now).keys.len(), 2);
        }
        assert!(set.verifier(&old.kid, 1_901).is_none());
        assert_eq!(set.jwks(1_901).keys.len(), 1);
        assert!(set.verifier("another", 0).is_none());
    }

    #[test]
    fn key_sealed_with_another_secret_is_no_signer() {
        let (old, new) = (key(0, Some(9_000)), key(1_000, None));
        let foreign = Arc::new(KnownKey {
            kid: new.kid.clone(),
            verifying: Arc::clone(&new.verifying),
            signing: None,
            signs_from: new.signs_from,
            verifies_until: None,
        });
        let set = KeySet::new(vec![foreign, Arc::clone(&old)], 0);
        let signer = set.signer(2_000).map(|key| key.kid.clone());
        assert_eq!(signer, Some(old.kid.clone()));
        assert!(set.newest().is_some_and(|key| key.kid == new.kid));
        assert!(set.verifier(&new.kid, 2_000).is_some(), "it still verifies");
    }

    #[test]
    fn key_set_is_fresh_within_its_window() {
        let set = KeySet::new(Vec::new(), 1_000);
        assert!(set.is_fresh(1_099, 100));
        assert!(!set.is_fresh(1_100, 100));
    }
}
