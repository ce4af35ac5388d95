//! A rotation: who decides on it, and when each key signs and checks.

use super::keys::StoredKey;
use records::{AnyConnection, RecordsError, signing_keys};

/// The times of a rotation, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RotationTimes {
    /// Between two looks at the records.
    pub(crate) refresh: i64,
    /// For how long a token is taken at most, leeway included.
    pub(crate) longest_life: i64,
}

impl RotationTimes {
    /// From publication to the first signature: every replica has looked twice by then,
    /// also if one look was late.
    const fn lead(self) -> i64 {
        self.refresh.saturating_mul(3)
    }

    /// For how long after a look there can be no signature of a key that it did not show.
    /// Longer than the time to the next look, or every key that we never made would be
    /// "cannot know" for a moment; and shorter than the lead by what the publishing
    /// transaction may take after it has read the clock: six seconds, and with the default
    /// times there are seven and a half.
    pub(crate) const fn fresh(self) -> i64 {
        self.refresh.saturating_mul(3) / 2
    }

    /// For how long the old key is still taken after the new one has begun to sign. A
    /// replica whose clock is a lead behind may sign with it that much longer.
    const fn keep(self) -> i64 {
        self.longest_life.saturating_add(self.lead())
    }
}

/// Why a new key is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Only if none of its algorithm is in use: at the start.
    IfMissing,
    /// In any case.
    Always,
}

/// Adds the key, and gives the others their end: all in one transaction that excludes
/// every other rotation. The clock is read under the lock: making an RSA key takes seconds,
/// waiting for the lock may, too, and meanwhile no replica can see the key.
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
    // The very first key has no replica that could miss it: all read after they add. It signs
    // from ever, so that a replica whose clock is behind this one's can sign as well.
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

/// The key in use, if it is of this algorithm.
pub(crate) fn newest_of(
    rows: &[signing_keys::SigningKey],
    algorithm: &str,
) -> Option<String> {
    let in_use = rows.iter().filter(|row| row.retires_at.is_none());
    let newest = in_use.max_by_key(|row| row.signs_from)?;
    (newest.algorithm == algorithm).then(|| newest.kid.clone())
}
