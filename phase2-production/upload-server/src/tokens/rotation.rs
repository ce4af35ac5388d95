//! Key rotation: which replica adds a key, and when each key signs and verifies.

use super::keys::StoredKey;
use crate::audit::AuditContext;
use crate::config::credentials::SigningAlgorithm;
use records::{AnyConnection, Member, RecordsError, signing_keys};

/// Times of a rotation, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RotationTimes {
    /// Between two reloads of the keys.
    pub(crate) refresh: i64,
    /// From publication to the first signature, if it is longer than three reloads.
    pub(crate) wanted_lead: i64,
    /// Longest lifetime of a token, leeway included.
    pub(crate) max_lifetime_ms: i64,
}

impl RotationTimes {
    /// From publication to the first signature: every replica has reloaded twice by then,
    /// even if one reload was late, and every client with a cached key set has read it
    /// again. Common libraries read a key set at most every 30 seconds.
    fn lead(self) -> i64 {
        self.wanted_lead.max(self.refresh.saturating_mul(3))
    }

    /// For how long a client may cache the key set, in milliseconds: half of the lead that
    /// remains after a replica has loaded the key, at worst two reloads late.
    pub(crate) fn cached(self) -> i64 {
        (self.lead() - self.refresh.saturating_mul(2)) / 2
    }

    /// Time after a reload in which no key that it missed can have signed. It is longer
    /// than the time to the next reload; otherwise unknown key ids would get 503 for a
    /// moment. It is shorter than the lead by more than the publishing transaction may
    /// take after it has read the clock: six seconds.
    pub(crate) const fn fresh(self) -> i64 {
        self.refresh.saturating_mul(3) / 2
    }

    /// Time for which the old key still verifies after the new one signs. A replica whose
    /// clock is one lead behind may sign with it that much longer.
    fn keep(self) -> i64 {
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

/// The key to publish.
#[derive(Clone, Debug)]
pub(crate) enum Candidate {
    /// A published key is enough: its id.
    Published(String),
    /// A key that was just made.
    Made(StoredKey),
}

/// The account that requests a new key.
#[derive(Clone, Debug)]
pub(crate) struct Requester {
    pub(crate) member: Member,
    pub(crate) audit: AuditContext,
}

/// As [`add`], with the audit entry of the request: both commit or neither. `None`, and no
/// change, if the requester is no operator. It may have been one when the request began: a
/// key takes seconds to make.
pub(crate) async fn add_for(
    tx: &mut AnyConnection,
    requester: &Requester,
    candidate: Candidate,
    times: RotationTimes,
) -> Result<Option<String>, RecordsError> {
    let Requester { member, audit } = requester;
    if !signing_keys::enter_as_operator(tx, member).await? {
        return Ok(None);
    }
    let kid = match candidate {
        Candidate::Published(kid) => kid,
        Candidate::Made(key) => add(tx, key, Wanted::Always, times).await?,
    };
    let entry = audit.row(member, "key.rotated", &kid);
    signing_keys::write_audit(tx, &entry).await?;
    Ok(Some(kid))
}

/// Adds the key, and sets the end of the others, in one transaction that excludes every
/// other rotation. The times are by the database's clock: a replica whose own clock is wrong
/// would end keys that still sign. It is read under the lock, because making an RSA key and
/// waiting for the lock take seconds, in which no replica can see the key.
pub(crate) async fn add(
    tx: &mut AnyConnection,
    key: StoredKey,
    wanted: Wanted,
    times: RotationTimes,
) -> Result<String, RecordsError> {
    signing_keys::lock(tx).await?;
    let now_ms = records::clock::now(tx).await?;
    let rows = signing_keys::list(tx).await?;
    if let Some(kid) = sufficient(&rows, wanted, key.algorithm, now_ms) {
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

/// The key that makes another one unnecessary: one that waits for its first signature, or
/// one in use if that is enough.
pub(crate) fn sufficient(
    rows: &[signing_keys::SigningKey],
    wanted: Wanted,
    algorithm: SigningAlgorithm,
    now_ms: i64,
) -> Option<String> {
    let waiting = rows.iter().find(|row| row.signs_from > now_ms);
    match (waiting, wanted) {
        (Some(waiting), _) => Some(waiting.kid.clone()),
        (None, Wanted::IfMissing) => newest_of(rows, algorithm.as_str()),
        (None, Wanted::Always) => None,
    }
}

/// The key in use, if it has this algorithm.
fn newest_of(rows: &[signing_keys::SigningKey], algorithm: &str) -> Option<String> {
    let in_use = rows.iter().filter(|row| row.retires_at.is_none());
    let newest = in_use.max_by_key(|row| row.signs_from)?;
    (newest.algorithm == algorithm).then(|| newest.kid.clone())
}
