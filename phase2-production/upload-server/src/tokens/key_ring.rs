//! The signing keys of all replicas: kept in the records, read again every few seconds.

use super::TokenError;
use super::key_set::{KeySet, KnownKey};
use super::keys::{BadKey, SigningKey, StoredKey};
use super::rotation::{self, RotationTimes, Wanted};
use super::sealing::SealingKey;
use crate::config::proofs::SigningAlgorithm;
use records::{Records, RecordsError, Scope, signing_keys};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Between two looks for a key that a token names and nobody knows: made-up names must
/// not become queries.
const COOLDOWN_MS: i64 = 60_000;

/// What this replica knows of the keys.
pub(crate) struct KeyRing {
    records: Records,
    sealing: SealingKey,
    times: RotationTimes,
    current: RwLock<Arc<KeySet>>,
    /// When an unknown key was last looked for.
    looked_at: AtomicI64,
}

impl KeyRing {
    /// The keys in the records, and one of `algorithm` if there was none.
    ///
    /// # Errors
    /// When the records do not answer, or were sealed with another secret file.
    pub(crate) async fn open(
        records: Records,
        sealing: SealingKey,
        algorithm: SigningAlgorithm,
        times: RotationTimes,
        clock: fn() -> i64,
    ) -> Result<Self, TokenError> {
        let current = RwLock::new(Arc::new(KeySet::new(Vec::new(), i64::MIN)));
        let looked_at = AtomicI64::new(i64::MIN);
        let ring = Self { records, sealing, times, current, looked_at };
        ring.publish(algorithm, Wanted::IfMissing, clock).await?;
        ring.refresh(clock()).await?;
        if let Some(signer) = ring.current().signer(clock())
            && signer.signing.is_none()
        {
            return Err(TokenError::broken(BadKey::from(super::sealing::CannotUnseal)));
        }
        Ok(ring)
    }

    pub(crate) fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that signs now.
    ///
    /// # Errors
    /// When there is none, or it was sealed with another secret file.
    pub(crate) fn signer(&self, now_ms: i64) -> Result<Arc<SigningKey>, TokenError> {
        let set = self.current();
        let newest = set.signer(now_ms).and_then(|key| key.signing.clone());
        newest
            .ok_or_else(|| TokenError::broken(BadKey::from(super::sealing::CannotUnseal)))
    }

    /// Reads the records again.
    ///
    /// # Errors
    /// When they do not answer: what was known stays known.
    pub(crate) async fn refresh(&self, now_ms: i64) -> Result<(), RecordsError> {
        let list = self.records.look(Scope::Housekeeping, |tx| {
            Box::pin(async move { signing_keys::list(tx).await })
        });
        let rows = list.await?;
        let before = self.current();
        let keys = rows.into_iter().filter_map(|row| self.understand(row, &before));
        let set = KeySet::new(keys.collect(), now_ms);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// The set to judge a token by whose key is not in `set`, and whether what is not in
    /// it either is surely not ours. At most one look a minute, for all tokens together.
    pub(crate) async fn look_again(&self, now_ms: i64) -> (Arc<KeySet>, bool) {
        let last = self.looked_at.load(Ordering::Relaxed);
        let rested = now_ms.saturating_sub(last) >= COOLDOWN_MS;
        let mine = rested
            && self
                .looked_at
                .compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            metrics::counter!("upload_server_signing_key_refreshes_total", "reason" => "unknown_kid")
                .increment(1);
            if let Err(error) = self.refresh(now_ms).await {
                tracing::warn!(%error, "signing keys cannot be read again");
            }
        }
        let set = self.current();
        let sure = set.is_fresh(now_ms, self.times.fresh());
        (set, sure)
    }

    /// Publishes a new key, which signs once every replica must have seen it; one that is
    /// published and does not sign yet is enough. Returns its name.
    ///
    /// # Errors
    /// When no key can be made, or the records do not answer.
    pub(crate) async fn publish(
        &self,
        algorithm: SigningAlgorithm,
        wanted: Wanted,
        clock: fn() -> i64,
    ) -> Result<String, TokenError> {
        if wanted == Wanted::IfMissing
            && let Some(kid) = self.in_use(algorithm).await?
        {
            return Ok(kid);
        }
        let sealing = self.sealing.clone();
        // Making an RSA key takes seconds of a processor.
        let made =
            tokio::task::spawn_blocking(move || StoredKey::make(algorithm, &sealing));
        let key = made.await.map_err(TokenError::broken)?.map_err(TokenError::broken)?;
        let times = self.times;
        let published = self.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { rotation::add(tx, key, wanted, times, clock).await })
        });
        let kid = published.await?;
        tracing::info!(kid, algorithm = algorithm.as_str(), "signing key published");
        Ok(kid)
    }

    async fn in_use(
        &self,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<String>, RecordsError> {
        let list = self.records.look(Scope::Housekeeping, |tx| {
            Box::pin(async move { signing_keys::list(tx).await })
        });
        Ok(rotation::newest_of(&list.await?, algorithm.as_str()))
    }

    /// A key that was known before is not read again, because an RSA key is dear to read.
    fn understand(
        &self,
        row: signing_keys::SigningKey,
        before: &KeySet,
    ) -> Option<Arc<KnownKey>> {
        let (checking, signing) = match before.known(&row.kid) {
            Some(known) => (Arc::clone(&known.checking), known.signing.clone()),
            None => self.read(&row)?,
        };
        Some(Arc::new(KnownKey {
            kid: row.kid,
            checking,
            signing,
            signs_from: row.signs_from,
            checks_until: row.retires_at,
        }))
    }

    fn read(&self, row: &signing_keys::SigningKey) -> Option<Halves> {
        let stored = StoredKey {
            kid: row.kid.clone(),
            algorithm: SigningAlgorithm::parse(&row.algorithm)
                .ok_or_else(|| BadKey::Algorithm(row.algorithm.clone()))
                .inspect_err(|error| tracing::error!(%error, kid = row.kid))
                .ok()?,
            public_jwk: row.public_jwk.clone(),
            sealed_private: row.private_sealed.clone(),
        };
        let checking = stored.checking();
        let checking =
            checking.inspect_err(|error| tracing::error!(%error, kid = row.kid)).ok()?;
        let signing = stored.signing(&self.sealing);
        let signing =
            signing.inspect_err(|error| tracing::error!(%error, kid = row.kid)).ok();
        Some((Arc::new(checking), signing.map(Arc::new)))
    }

    /// Time between two looks at the records.
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.times.refresh).unwrap_or(1).max(1))
    }
}

type Halves = (Arc<super::keys::CheckingKey>, Option<Arc<SigningKey>>);

#[cfg(test)]
mod tests;
