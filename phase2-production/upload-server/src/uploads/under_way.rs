//! Limits the requests with bytes of uploads that are under way at this replica: their number
//! by account, because each holds a connection, and the memory for parts of all accounts.

use crate::error::Error;
use api_contract::problem::ProblemKind;
use http_edge::refusal::Refusal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use upload_domain::username::Username;

/// Longest time that a request waits for another one, or for a removal, before it answers. A
/// balancer of the lab waits 5 s for a response (`--head-timeout-ms`) and answers 504 then: its
/// client could not tell a busy upload from a failed replica. It is longer than the claim of
/// a killed replica lasts ([`records::uploads::claims::FINISH_LEASE_MS`]).
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(4);

/// Most requests of one account at one replica.
const MAX_PER_ACCOUNT: usize = 100;

/// Most bytes of unfinished parts that all requests of a replica hold in memory. A buffer
/// doubles when it grows, so it may take twice its bytes.
pub(crate) const MAX_PART_MEMORY: usize = 64 * 1024 * 1024;

/// The requests of this process. Clones share the counts.
#[derive(Clone)]
pub(crate) struct UnderWay {
    counts: Arc<Mutex<HashMap<Username, usize>>>,
    part_memory: PartMemory,
}

/// The memory for unfinished parts. Clones share it.
#[derive(Clone)]
pub(crate) struct PartMemory(Arc<Semaphore>);

/// Permission for one request; released on drop.
pub(crate) struct Permit {
    under_way: UnderWay,
    of: Username,
}

impl Default for UnderWay {
    fn default() -> Self {
        let part_memory = PartMemory(Arc::new(Semaphore::new(MAX_PART_MEMORY)));
        Self { counts: Arc::default(), part_memory }
    }
}

impl UnderWay {
    /// The memory for unfinished parts.
    pub(crate) fn part_memory(&self) -> PartMemory {
        self.part_memory.clone()
    }

    /// A permit for one more request.
    ///
    /// # Errors
    /// With `too-many-requests` at the limit.
    pub(crate) fn acquire(&self, account: &Username) -> Result<Permit, Error> {
        let mut counts = self.lock();
        let own = counts.get(account).copied().unwrap_or_default();
        if own >= MAX_PER_ACCOUNT {
            return Err(Refusal::new(ProblemKind::TooManyRequests)
                .detail("You have too many uploads under way. Wait for one to end.")
                .retry_after(1)
                .into());
        }
        counts.insert(account.clone(), own + 1);
        Ok(Permit { under_way: self.clone(), of: account.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Username, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartMemory {
    /// Waits for memory for `count` bytes. The semaphore is never closed.
    pub(crate) async fn reserve(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_many_owned(permits(count)).await.ok()
    }

    /// Reserves memory for `count` bytes if there is as much.
    pub(crate) fn try_reserve(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_many_owned(permits(count)).ok()
    }
}

fn permits(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.under_way.lock();
        if let Some(own) = counts.get_mut(&self.of) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_per_account_are_limited() {
        let (under_way, name) =
            (UnderWay::default(), |text| Username::parse(text).unwrap());
        let mut permits: Vec<_> = (0..MAX_PER_ACCOUNT)
            .map(|_| under_way.acquire(&name("alice")).ok().unwrap())
            .collect();
        assert!(under_way.acquire(&name("alice")).is_err());
        assert!(under_way.acquire(&name("bob")).is_ok());
        permits.pop();
        assert!(under_way.acquire(&name("alice")).is_ok());
        drop(permits);
        assert!(under_way.lock().is_empty());
    }
}
