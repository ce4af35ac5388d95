//! Password hashing, and how much of it may happen at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::sync::Arc;
use tokio::sync::{Semaphore, TryAcquireError};

/// Longer passwords are wrong without being hashed, in bytes.
pub const MAX_PASSWORD: usize = 1024;

/// How expensive a guess is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashCost {
    /// Argon2id, 19 MiB, 2 passes, 1 lane: OWASP's Password Storage Cheat Sheet.
    #[default]
    Owasp,
    /// Argon2id at its least, for tests that do not test passwords. Never for people.
    Least,
}

/// A password could not be hashed: the generator of the system failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password: {0}")]
pub struct HashError(String);

/// Hashes a new password with a random salt, in PHC string form.
///
/// # Errors
/// When the system gives no random numbers.
pub fn hash(password: &str, cost: HashCost) -> Result<String, HashError> {
    let params = match cost {
        HashCost::Owasp => Params::default(),
        HashCost::Least => {
            Params::new(8, 1, 1, None).map_err(|error| HashError(error.to_string()))?
        }
    };
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| HashError(error.to_string()))
}

/// Whether the text is a hash that [`PasswordChecks::check`] can use.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| Params::try_from(&hash).is_ok())
}

/// More checks are waiting than can be answered in reasonable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// A gate before the hashing: each check costs 19 MiB and tens of milliseconds, so a few
/// hundred at once would be an attack (OWASP ASVS 11.4.2).
#[derive(Clone, Debug)]
pub struct PasswordChecks {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl PasswordChecks {
    /// At most `running` checks at once, and at most `waiting` behind them.
    #[must_use]
    pub fn new(running: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + waiting)),
        }
    }

    /// Whether `password` belongs to `hash`.
    ///
    /// # Errors
    /// [`Busy`] when too many are waiting already.
    pub async fn check(&self, password: &str, hash: &str) -> Result<bool, Busy> {
        if password.len() > MAX_PASSWORD {
            return Ok(false);
        }
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|full| match full {
            TryAcquireError::NoPermits | TryAcquireError::Closed => Busy,
        })?;
        let running = Arc::clone(&self.running).acquire_owned().await;
        let running = running.map_err(|_closed| Busy)?;
        let (password, hash) = (password.to_owned(), hash.to_owned());
        let checked = tokio::task::spawn_blocking(move || {
            // The permits go with the work, which goes on when the caller hangs up.
            let _until_done = (admitted, running);
            PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
            })
        });
        Ok(checked.await.unwrap_or(false))
    }
}

impl Default for PasswordChecks {
    /// 8 at once (152 MiB), 256 waiting.
    fn default() -> Self {
        Self::new(8, 256)
    }
}
