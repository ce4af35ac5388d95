//! The connection to Redis: shared, with a timeout on every call, behind the breaker.

use crate::breaker::Breaker;
use crate::error::{CacheDown, OpenError};
use crate::limits::Limits;
use crate::trust::TrustEpoch;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One multiplexed connection with its breaker and trust epoch.
pub(crate) struct Link {
    pub(crate) breaker: Breaker,
    pub(crate) trust: TrustEpoch,
    client: Client,
    /// The id of the deployment and a colon: the beginning of every key.
    prefix: String,
    limits: Limits,
    current: Mutex<Current>,
}

/// The connection and its number, which increases with each reconnection.
#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    number: u64,
}

impl Link {
    pub(crate) fn new(
        client: Client,
        deployment: &str,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let manager = lazy_connection(&client, &limits)
            .map_err(|error| OpenError::WrongUrl(error.to_string()))?;
        Ok(Self {
            breaker: Breaker::new(limits.failure_threshold, limits.open_duration),
            trust: TrustEpoch::default(),
            client,
            prefix: format!("{deployment}:"),
            limits,
            current: Mutex::new(Current { manager, number: 0 }),
        })
    }

    /// The key of an entry of this deployment.
    pub(crate) fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.prefix)
    }

    /// The key of the time since which this Redis has kept this deployment's data, in
    /// microseconds of its clock. A flush removes the key, too; the next reader writes it
    /// again.
    pub(crate) fn since_key(&self) -> String {
        self.key("cache", "since")
    }

    /// Makes one call within the limits. A reply, also an error reply of a working Redis,
    /// counts as a success; every other outcome counts for the breaker and ends the trust
    /// epoch.
    pub(crate) async fn call<T, Call>(
        &self,
        work: impl FnOnce(ConnectionManager) -> Call,
    ) -> Result<T, CacheDown>
    where
        Call: Future<Output = RedisResult<T>>,
    {
        let permit = self.breaker.permit().ok_or(CacheDown::BreakerOpen)?;
        let Current { manager, number } = self.lock().clone();
        let reply =
            match tokio::time::timeout(self.limits.call_timeout, work(manager)).await {
                Ok(reply) => reply.map_err(CacheDown::from),
                Err(_) => Err(CacheDown::Timeout),
            };
        match &reply {
            Err(down) if down.is_outage() => {
                self.trust.call_failed();
                // Not after each timeout, because replies to other calls may still
                // arrive.
                if permit.failed() || *down != CacheDown::Timeout {
                    self.reconnect(number);
                }
                metrics::counter!("upload_server_cache_failures_total").increment(1);
                tracing::debug!(%down, "a cache call failed");
            }
            Ok(_) | Err(_) => permit.succeeded(),
        }
        reply
    }

    /// Replaces the connection, unless another call already did. The manager reconnects
    /// by itself only after I/O errors: not if a server became read-only, nor if a
    /// network drops all packets.
    fn reconnect(&self, number: u64) {
        let mut current = self.lock();
        if current.number != number {
            return;
        }
        if let Ok(manager) = lazy_connection(&self.client, &self.limits) {
            *current = Current { manager, number: number + 1 };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is established on first use.
fn lazy_connection(client: &Client, limits: &Limits) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(limits.connect_timeout))
        .set_response_timeout(Some(limits.call_timeout))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(10))
        .set_max_delay(Duration::from_millis(50));
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}
