//! Which key signs and which keys check, at a given moment.
//!
//! A rotation refuses nobody, because it takes three steps (fault 24 of the lab's list):
//! the new key is published; it signs once every replica must have seen it; the old one
//! checks until the last token that it signed has expired.

use super::keys::{CheckingKey, SigningKey};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use std::sync::Arc;

/// A key and its times, in epoch milliseconds.
pub(crate) struct KnownKey {
    pub(crate) kid: String,
    pub(crate) checking: Arc<CheckingKey>,
    /// Absent when it was sealed with another secret file: checking still works.
    pub(crate) signing: Option<Arc<SigningKey>>,
    pub(crate) signs_from: i64,
    /// Until when tokens of this key are taken; known once a successor is published.
    pub(crate) checks_until: Option<i64>,
}

/// All keys of one moment, the newest last.
pub(crate) struct KeySet {
    keys: Vec<Arc<KnownKey>>,
    /// When the records were asked, and not when they answered.
    asked_at: i64,
}

impl KeySet {
    pub(crate) fn new(mut keys: Vec<Arc<KnownKey>>, asked_at: i64) -> Self {
        keys.sort_by(|a, b| (a.signs_from, &a.kid).cmp(&(b.signs_from, &b.kid)));
        Self { keys, asked_at }
    }

    /// The newest key that may sign already.
    pub(crate) fn signer(&self, now_ms: i64) -> Option<&Arc<KnownKey>> {
        self.keys.iter().rfind(|key| key.signs_from <= now_ms)
    }

    /// The key of this name, if tokens of it are still taken. One that does not sign yet
    /// checks already: another replica's clock may be a little ahead.
    pub(crate) fn checker(&self, kid: &str, now_ms: i64) -> Option<&Arc<KnownKey>> {
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        key.checks_until.is_none_or(|end| now_ms <= end).then_some(key)
    }

    /// The key of this name, taken or not.
    pub(crate) fn known(&self, kid: &str) -> Option<&Arc<KnownKey>> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// Whether a key that this set does not have cannot be signing anywhere yet, because
    /// a key is published for longer than `window_ms` before it signs.
    pub(crate) fn is_fresh(&self, now_ms: i64, window_ms: i64) -> bool {
        now_ms < self.asked_at.saturating_add(window_ms)
    }

    /// What others may check our tokens with (RFC 7517 §5).
    pub(crate) fn jwks(&self, now_ms: i64) -> JwkSet {
        let taken =
            |key: &&Arc<KnownKey>| key.checks_until.is_none_or(|end| now_ms <= end);
        let public = |key: &Arc<KnownKey>| -> Jwk { key.checking.jwk.clone() };
        JwkSet { keys: self.keys.iter().filter(taken).map(public).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::proofs::SigningAlgorithm;
    use crate::tokens::keys::StoredKey;
    use crate::tokens::sealing::SealingKey;

    fn key(signs_from: i64, checks_until: Option<i64>) -> Arc<KnownKey> {
        let sealing = SealingKey::from_bytes(&[1; 32]);
        let stored = StoredKey::make(SigningAlgorithm::Eddsa, &sealing).unwrap();
        Arc::new(KnownKey {
            kid: stored.kid.clone(),
            checking: Arc::new(stored.checking().unwrap()),
            signing: Some(Arc::new(stored.signing(&sealing).unwrap())),
            signs_from,
            checks_until,
        })
    }

    #[test]
    fn a_new_key_is_published_first_then_signs_and_the_old_one_checks_to_the_end() {
        let (old, new) = (key(0, Some(1_900)), key(1_000, None));
        let set = KeySet::new(vec![Arc::clone(&new), Arc::clone(&old)], 0);
        let signer = |now| set.signer(now).map(|key| key.kid.clone());
        assert_eq!(signer(999), Some(old.kid.clone()));
        assert_eq!(signer(1_000), Some(new.kid.clone()));
        for now in [0, 999, 1_000, 1_900] {
            assert!(set.checker(&old.kid, now).is_some(), "old at {now}");
            assert!(set.checker(&new.kid, now).is_some(), "new at {now}");
            assert_eq!(set.jwks(now).keys.len(), 2);
        }
        assert!(set.checker(&old.kid, 1_901).is_none());
        assert_eq!(set.jwks(1_901).keys.len(), 1);
        assert!(set.checker("another", 0).is_none());
    }

    #[test]
    fn a_set_is_fresh_for_as_long_as_a_key_is_published_before_it_signs() {
        let set = KeySet::new(Vec::new(), 1_000);
        assert!(set.is_fresh(1_099, 100));
        assert!(!set.is_fresh(1_100, 100));
    }
}
