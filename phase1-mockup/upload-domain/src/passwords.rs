//! Password hashing, with limited concurrency.

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The maximum length in bytes. Longer passwords are refused without hashing.
pub const MAX_PASSWORD: usize = 1024;

/// The cost of a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashCost {
    /// Argon2id, 19 MiB, 2 passes, 1 lane: OWASP's Password Storage Cheat Sheet.
    #[default]
    Owasp,
    /// Argon2id with the minimum cost, for tests only.
    Minimal,
}

/// A password could not be hashed, because the system provides no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password: {0}")]
pub struct HashError(String);

/// Hashes a new password with a random salt, in PHC string form.
///
/// # Errors
/// When the system provides no random numbers.
pub fn hash(password: &str, cost: HashCost) -> Result<String, HashError> {
    let params = match cost {
        HashCost::Owasp => Params::default(),
        HashCost::Minimal => {
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

/// Too many checks are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct Busy;

/// A concurrency limit for hashing: each check takes 19 MiB and tens of milliseconds, so a few
/// hundred at once would be a denial of service (OWASP ASVS 11.4.2).
#[derive(Clone, Debug)]
pub struct PasswordChecks {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    memory: Memory,
}

impl PasswordChecks {
    /// At most `running` concurrent checks, and at most `waiting` in the queue.
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
        let permit = self.permit()?;
        Ok(permit.check(password, hash).await)
    }

    /// A permit of the queue, for callers that look something up first or hash several passwords.
    /// They take it before that work, so that a flood is refused early.
    ///
    /// # Errors
    /// [`Busy`] when too many are waiting already.
    pub fn permit(&self) -> Result<HashPermit, Busy> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned();
        let admitted = admitted.map_err(|full| match full {
            TryAcquireError::NoPermits | TryAcquireError::Closed => Busy,
        })?;
        let running = Arc::clone(&self.running);
        Ok(HashPermit {
            admitted: Arc::new(admitted),
            running,
            memory: self.memory.clone(),
        })
    }
}

/// A permit of the queue. Each hash still waits for the concurrency limit.
#[derive(Debug)]
pub struct HashPermit {
    admitted: Arc<OwnedSemaphorePermit>,
    running: Arc<Semaphore>,
    memory: Memory,
}

impl HashPermit {
    /// Whether `password` belongs to `hash`.
    pub async fn check(&self, password: &str, hash: &str) -> bool {
        if password.len() > MAX_PASSWORD {
            return false;
        }
        let (password, hash) = (password.to_owned(), hash.to_owned());
        let checked = self.work(move |blocks| {
            matches(password.as_bytes(), &hash, blocks).unwrap_or(false)
        });
        checked.await.unwrap_or(false)
    }

    /// Hashes a new password with a random salt, in PHC string form.
    ///
    /// # Errors
    /// When the system provides no random numbers.
    pub async fn hash(
        &self,
        password: &str,
        cost: HashCost,
    ) -> Result<String, HashError> {
        let password = password.to_owned();
        let hashed = self.work(move |_blocks| hash(&password, cost)).await;
        hashed.unwrap_or_else(|| Err(HashError("the hashing panicked".to_owned())))
    }

    /// Runs `work` within the concurrency limit. [`None`] if it panicked.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Option<T> {
        let running = Arc::clone(&self.running).acquire_owned().await.ok()?;
        let (admitted, memory) = (Arc::clone(&self.admitted), self.memory.clone());
        let done = tokio::task::spawn_blocking(move || {
            // The work holds its permits, because it continues when the caller disconnects.
            let _until_done = (admitted, running);
            let mut blocks = memory.take();
            let done = work(&mut blocks);
            memory.put_back(blocks);
            done
        });
        done.await.ok()
    }
}

impl Default for PasswordChecks {
    /// One check for each core, at most 8 (152 MiB), and 256 waiting.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::new(cores.min(8), 256)
    }
}

/// A pool of hashing buffers. Freeing and allocating 19 MiB for each check fragments the heap,
/// which then grows to a gigabyte in a flood of logins.
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

/// Whether `password` belongs to `hash`; [`None`] if it is not an Argon2 hash. The comparison
/// takes constant time.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    #[tokio::test]
    async fn new_password_waits_for_the_concurrency_limit() {
        let checks = PasswordChecks::new(1, 1);
        let permit_in_queue = checks.permit().unwrap();
        let permit = Arc::clone(&checks.running).acquire_owned().await.unwrap();
        let mut hashing = pin!(permit_in_queue.hash("secret", HashCost::Minimal));
        let started = poll_fn(|context| Poll::Ready(hashing.as_mut().poll(context)));
        assert!(started.await.is_pending());
        assert!(checks.memory.0.lock().unwrap().is_empty(), "nothing was hashed");
        drop(permit);
        let hash = hashing.await.unwrap();
        assert!(permit_in_queue.check("secret", &hash).await);
        assert!(!permit_in_queue.check("wrong", &hash).await);
    }

    #[test]
    fn full_queue_refuses_at_once() {
        let checks = PasswordChecks::new(1, 1);
        let permits = [checks.permit().unwrap(), checks.permit().unwrap()];
        assert_eq!(checks.permit().unwrap_err(), Busy);
        drop(permits);
        assert!(checks.permit().is_ok());
    }
}
