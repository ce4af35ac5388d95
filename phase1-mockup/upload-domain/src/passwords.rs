//! Password hashing, and how much of it may happen at once.

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
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
    memory: Memory,
}

impl PasswordChecks {
    /// At most `running` checks at once, and at most `waiting` behind them.
    #[must_use]
    pub fn new(running: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running)),
            admitted: Arc::new(Semaphore::new(running + waiting)),
            memory: Memory::default(),
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
        let memory = self.memory.clone();
        let checked = tokio::task::spawn_blocking(move || {
            // The permits go with the work, which goes on when the caller hangs up.
            let _until_done = (admitted, running);
            let mut blocks = memory.take();
            let matches = matches(password.as_bytes(), &hash, &mut blocks);
            memory.put_back(blocks);
            matches.unwrap_or(false)
        });
        Ok(checked.await.unwrap_or(false))
    }
}

impl Default for PasswordChecks {
    /// As many at once as there are cores, at most 8 (152 MiB), and 256 waiting.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::new(cores.min(8), 256)
    }
}

/// What checks work in, handed from one to the next. An allocator that gets 19 MiB back
/// and gives them out again in pieces grows to a gigabyte in a flood of logins.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

impl Memory {
    fn take(&self) -> Vec<Block> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop().unwrap_or_default()
    }

    fn put_back(&self, blocks: Vec<Block>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
    }
}

/// Whether `password` belongs to `hash`; [`None`] when the hash is none of Argon2's. The
/// comparison takes as long wherever the two differ.
fn matches(password: &[u8], hash: &str, blocks: &mut Vec<Block>) -> Option<bool> {
    let hash = PasswordHash::new(hash).ok()?;
    let (salt, expected) = (hash.salt?, hash.hash?);
    let algorithm = Algorithm::new(hash.algorithm.as_str()).ok()?;
    let version = hash.version.map_or(Ok(Version::V0x13), Version::try_from).ok()?;
    let params = Params::try_from(&hash).ok()?;
    blocks.resize(params.block_count().max(blocks.len()), Block::default());
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..expected.as_ref().len())?;
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into_with_memory(password, &salt, bytes, blocks).ok()?;
    Some(Output::new(bytes).ok()? == expected)
}
