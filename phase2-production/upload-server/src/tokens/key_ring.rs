//! The signing keys of all replicas: stored in the database, reloaded every few seconds.

use super::TokenError;
use super::key_set::{KeySet, KnownKey};
use super::keys::{BadKey, SigningKey, StoredKey};
use super::rotation::{self, Candidate, Requester, RotationTimes, Wanted};
use super::sealing::{CannotUnseal, SealingKey};
use crate::config::credentials::SigningAlgorithm;
use records::{Records, RecordsError, Scope, signing_keys};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Time between two lookups for unknown key ids, so that invented ids do not become
/// queries.
const UNKNOWN_KID_INTERVAL_MS: i64 = 60_000;

/// The keys that this replica has loaded.
pub(crate) struct KeyRing {
    records: Records,
    sealing: SealingKey,
    times: RotationTimes,
    current: RwLock<Arc<KeySet>>,
    /// Time of the last lookup for an unknown key id.
    unknown_kid_at: AtomicI64,
    /// Held while a key is made.
    making: tokio::sync::Mutex<()>,
    #[cfg(test)]
    keys_made: AtomicI64,
}

impl KeyRing {
    /// Loads the keys, and makes one of `algorithm` if there is none.
    ///
    /// # Errors
    /// When the database does not answer, or its keys were sealed with another secret
    /// file.
    pub(crate) async fn open(
        records: Records,
        sealing: SealingKey,
        algorithm: SigningAlgorithm,
        times: RotationTimes,
        clock: fn() -> i64,
    ) -> Result<Self, TokenError> {
        let current = RwLock::new(Arc::new(KeySet::new(Vec::new(), i64::MIN)));
        let unknown_kid_at = AtomicI64::new(i64::MIN);
        let ring = Self {
            records,
            sealing,
            times,
            current,
            unknown_kid_at,
            making: tokio::sync::Mutex::default(),
            #[cfg(test)]
            keys_made: AtomicI64::new(0),
        };
        // Checked before a key is added: the other replicas could not sign with a key of
        // another secret file.
        ring.load(clock()).await?;
        ring.publish(algorithm, Wanted::IfMissing).await?;
        ring.load(clock()).await?;
        Ok(ring)
    }

    /// Loads the keys at the start.
    ///
    /// # Errors
    /// When the database does not answer, or the newest key was sealed with another
    /// secret file.
    async fn load(&self, now_ms: i64) -> Result<(), TokenError> {
        self.refresh(now_ms).await?;
        let keys = self.current();
        match keys.newest() {
            Some(newest) if newest.signing.is_none() => {
                Err(TokenError::broken(BadKey::from(CannotUnseal)))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that signs now.
    ///
    /// # Errors
    /// When there is none that was sealed with this secret file.
    pub(crate) fn signer(&self, now_ms: i64) -> Result<Arc<SigningKey>, TokenError> {
        let set = self.current();
        let newest = set.signer(now_ms).and_then(|key| key.signing.clone());
        newest.ok_or_else(|| TokenError::broken(BadKey::from(CannotUnseal)))
    }

    /// Reloads the keys.
    ///
    /// # Errors
    /// When the database does not answer: the loaded keys stay.
    pub(crate) async fn refresh(&self, now_ms: i64) -> Result<(), RecordsError> {
        let list = self.records.read(Scope::Housekeeping, |tx| {
            Box::pin(async move { signing_keys::list(tx).await })
        });
        let rows = list.await?;
        let before = self.current();
        let keys = rows.into_iter().filter_map(|row| self.to_known_key(row, &before));
        let set = KeySet::new(keys.collect(), now_ms);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    /// The key set for a token with an unknown key id, and whether a key that is not in
    /// it is certainly not ours. At most one reload a minute for all tokens together.
    pub(crate) async fn refresh_for_unknown_kid(
        &self,
        now_ms: i64,
    ) -> (Arc<KeySet>, bool) {
        let last = self.unknown_kid_at.load(Ordering::Relaxed);
        let is_due = now_ms.saturating_sub(last) >= UNKNOWN_KID_INTERVAL_MS;
        let claimed = is_due
            && self
                .unknown_kid_at
                .compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if claimed {
            metrics::counter!("upload_server_signing_key_refreshes_total", "reason" => "unknown_kid")
                .increment(1);
            if let Err(error) = self.refresh(now_ms).await {
                tracing::warn!(%error, "signing keys cannot be refreshed");
            }
        }
        let set = self.current();
        let conclusive = set.is_fresh(now_ms, self.times.fresh());
        (set, conclusive)
    }

    /// Publishes a new key, which signs after every replica has loaded it. If a published
    /// key does not sign yet, none is added. All times are by the database's clock. Returns
    /// the key id.
    ///
    /// # Errors
    /// When no key can be made, or the database does not answer.
    pub(crate) async fn publish(
        &self,
        algorithm: SigningAlgorithm,
        wanted: Wanted,
    ) -> Result<String, TokenError> {
        let _made_once = self.making.lock().await;
        let key = match self.candidate(algorithm, wanted).await? {
            Candidate::Published(kid) => return Ok(kid),
            Candidate::Made(key) => key,
        };
        let times = self.times;
        let published = self.records.run(Scope::Housekeeping, move |tx| {
            Box::pin(async move { rotation::add(tx, key, wanted, times).await })
        });
        let kid = published.await?;
        tracing::info!(kid, algorithm = algorithm.as_str(), "signing key published");
        Ok(kid)
    }

    /// As [`KeyRing::publish`] of a key that is always wanted, for an operator, with an
    /// audit entry. `None` if the requester is no operator.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn publish_for(
        &self,
        requester: Requester,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<String>, TokenError> {
        let _made_once = self.making.lock().await;
        let candidate = self.candidate(algorithm, Wanted::Always).await?;
        let times = self.times;
        let scope = Scope::Organisation(requester.member.organisation.clone());
        let published = self.records.run(scope, move |tx| {
            Box::pin(
                async move { rotation::add_for(tx, &requester, candidate, times).await },
            )
        });
        let kid = published.await?;
        tracing::info!(kid, algorithm = algorithm.as_str(), "signing key rotation");
        Ok(kid)
    }

    /// The key to publish. Making an RSA key takes seconds of CPU time, so it is made only
    /// if it is needed. The caller holds `making`, so that it is made once for all requests
    /// at the same moment.
    async fn candidate(
        &self,
        algorithm: SigningAlgorithm,
        wanted: Wanted,
    ) -> Result<Candidate, TokenError> {
        if let Some(kid) = self.sufficient(algorithm, wanted).await? {
            return Ok(Candidate::Published(kid));
        }
        let sealing = self.sealing.clone();
        #[cfg(test)]
        self.keys_made.fetch_add(1, Ordering::Relaxed);
        let made =
            tokio::task::spawn_blocking(move || StoredKey::make(algorithm, &sealing));
        let key = made.await.map_err(TokenError::broken)?.map_err(TokenError::broken)?;
        Ok(Candidate::Made(key))
    }

    async fn sufficient(
        &self,
        algorithm: SigningAlgorithm,
        wanted: Wanted,
    ) -> Result<Option<String>, RecordsError> {
        let list = self.records.read(Scope::Housekeeping, |tx| {
            Box::pin(async move {
                Ok((signing_keys::list(tx).await?, records::clock::now(tx).await?))
            })
        });
        let (rows, now_ms) = list.await?;
        Ok(rotation::sufficient(&rows, wanted, algorithm, now_ms))
    }

    /// A loaded key is reused, because parsing an RSA key is expensive.
    fn to_known_key(
        &self,
        row: signing_keys::SigningKey,
        before: &KeySet,
    ) -> Option<Arc<KnownKey>> {
        let (verifying, signing) = match before.known(&row.kid) {
            Some(known) => (Arc::clone(&known.verifying), known.signing.clone()),
            None => self.read(&row)?,
        };
        Some(Arc::new(KnownKey {
            kid: row.kid,
            verifying,
            signing,
            signs_from: row.signs_from,
            verifies_until: row.retires_at,
        }))
    }

    fn read(&self, row: &signing_keys::SigningKey) -> Option<KeyPair> {
        let stored = StoredKey {
            kid: row.kid.clone(),
            algorithm: SigningAlgorithm::parse(&row.algorithm)
                .ok_or_else(|| BadKey::Algorithm(row.algorithm.clone()))
                .inspect_err(|error| tracing::error!(%error, kid = row.kid))
                .ok()?,
            public_jwk: row.public_jwk.clone(),
            sealed_private: row.private_sealed.clone(),
        };
        let verifying = stored.verifying();
        let verifying =
            verifying.inspect_err(|error| tracing::error!(%error, kid = row.kid)).ok()?;
        let signing = stored.signing(&self.sealing);
        let signing =
            signing.inspect_err(|error| tracing::error!(%error, kid = row.kid)).ok();
        Some((Arc::new(verifying), signing.map(Arc::new)))
    }

    /// For how long a client may cache the published keys.
    pub(crate) fn cache_lifetime(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.times.cached()).unwrap_or(0))
    }

    /// Time between two reloads.
    pub(crate) fn refresh_interval(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.times.refresh).unwrap_or(1).max(1))
    }
}

type KeyPair = (Arc<super::keys::VerifyingKey>, Option<Arc<SigningKey>>);

#[cfg(test)]
mod tests;
