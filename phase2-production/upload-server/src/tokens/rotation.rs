//! Key rotation: which replica adds a key, and when each key signs and verifies.

use super::keys::StoredKey;
use records::{AnyConnection, RecordsError, signing_keys};

/// Times of a rotation, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RotationTimes {
    /// Between two reloads of the keys.
    pub(crate) refresh: i64,
    /// Longest lifetime of a token, leeway included.
    pub(crate) max_lifetime_ms: i64,
}

impl RotationTimes {
    /// From publication to the first signature: every replica has reloaded twice by then,
    /// even if one reload was late.
    const fn lead(self) -> i64 {
        self.refresh.saturating_mul(3)
    }

    /// Time after a reload in which no key that it missed can have signed. It is longer
    /// than the time to the next reload; otherwise unknown key ids would get 503 for a
    /// moment. It is shorter than the lead by more than the publishing transaction may
    /// take after it has read the clock: six seconds, where the default times leave seven
    /// and a half.
    pub(crate) const fn fresh(self) -> i64 {
        self.refresh.saturating_mul(3) / 2
    }

    /// Time for which the old key still verifies after the new one signs. A replica whose
    /// clock is one lead behind may sign with it that much longer.
    const fn keep(self) -> i64 {
        self.max_lifetime_ms.saturating_add(self.lead())
    }
}

/// When a new key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Only if no key of its algorithm is in use: at the start.
    IfMissing,
    /// Always.
    Always,
}

/// Adds the key, and sets the end of the others, in one transaction that excludes every
/// other rotation. The clock is read under the lock, because making an RSA key and
/// waiting for the lock take seconds, in which no replica can see the key.
pub(crate) async fn add(
    tx: &mut AnyConnection,
    key: StoredKey,
    wanted: Wanted,
    times: RotationTimes,
    clock: fn() -> i64,
) -> Result<String, RecordsError> {
    signing_keys::lock(tx).await?;
    let now_ms = clock();
    let rows = signing_keys::list(tx).await?;
    let waiting = rows.iter().find(|row| row.signs_from > now_ms);
    if let Some(waiting) = waiting {
        return Ok(waiting.kid.clone());
    }
    if wanted == Wanted::IfMissing
        && let Some(kid) = newest_of(&rows, key.algorithm.as_str())
    {
        return Ok(kid);
    }
    // No replica can miss the very first key, because all load the keys after they add
    // one. It signs from time 0, so that a replica whose clock is behind can sign, too.
    let signs_from = if rows.is_empty() { 0 } else { now_ms + times.lead() };
    for row in rows.iter().filter(|row| row.retires_at.is_none()) {
        signing_keys::retire(tx, &row.kid, signs_from + times.keep()).await?;
    }
    let row = signing_keys::SigningKey {
        kid: key.kid,
        algorithm: key.algorithm.as_str().to_owned(),
        private_sealed: key.sealed_private,
        public_jwk: key.public_jwk,
        created_at: now_ms,
        signs_from,
        retires_at: None,
    };
    signing_keys::insert(tx, &row).await?;
    Ok(row.kid)
}

/// The key in use, if it has this algorithm.
pub(crate) fn newest_of(
    rows: &[signing_keys::SigningKey],
    algorithm: &str,
) -> Option<String> {
    let in_use = rows.iter().filter(|row| row.retires_at.is_none());
    let newest = in_use.max_by_key(|row| row.signs_from)?;
    (newest.algorithm == algorithm).then(|| newest.kid.clone())
}
