//! Metrics of the connection pools: connections in use, idle and at most, and the
//! transactions that wait for one.

use crate::pool::Pools;
use metrics::Gauge;
use sqlx::AnyPool;

/// The metrics of the pools of one database.
#[derive(Clone)]
pub(crate) struct PoolMetrics {
    pub(crate) writers: PoolGauges,
    pub(crate) readers: PoolGauges,
    pub(crate) poller: PoolGauges,
}

impl PoolMetrics {
    /// Gauges of the recorder that is installed now. On Postgres, readers and writers share
    /// one pool.
    pub(crate) fn new(is_postgres: bool) -> Self {
        let shared = |own| if is_postgres { "main" } else { own };
        Self {
            writers: PoolGauges::new(shared("writers")),
            readers: PoolGauges::new(shared("readers")),
            poller: PoolGauges::new("poller"),
        }
    }

    /// Sets the gauges that are read at a scrape.
    pub(crate) fn report(&self, pools: &Pools) {
        self.writers.report(&pools.writers);
        self.readers.report(&pools.readers);
        self.poller.report(&pools.poller);
    }
}

/// The gauges of one pool.
#[derive(Clone)]
pub(crate) struct PoolGauges {
    in_use: Gauge,
    idle: Gauge,
    max: Gauge,
    waiting: Gauge,
}

impl PoolGauges {
    fn new(pool: &'static str) -> Self {
        let connections = |state: &'static str| {
            metrics::gauge!(
                "upload_server_database_pool_connections",
                "pool" => pool,
                "state" => state
            )
        };
        Self {
            in_use: connections("in_use"),
            idle: connections("idle"),
            max: metrics::gauge!(
                "upload_server_database_pool_max_connections",
                "pool" => pool
            ),
            waiting: metrics::gauge!(
                "upload_server_database_pool_waiting",
                "pool" => pool
            ),
        }
    }

    /// Counts a transaction as waiting for a connection until the guard is dropped.
    pub(crate) fn begin_wait(&self) -> Waiting<'_> {
        self.waiting.increment(1.0);
        Waiting(&self.waiting)
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge; exact up to 2^53")]
    fn report(&self, pool: &AnyPool) {
        // The two numbers are not read at once, so one may be a moment newer.
        let idle = pool.num_idle();
        let in_use = (pool.size() as usize).saturating_sub(idle);
        self.in_use.set(in_use as f64);
        self.idle.set(idle as f64);
        self.max.set(f64::from(pool.options().get_max_connections()));
    }
}

/// A transaction that waits for a connection.
pub(crate) struct Waiting<'a>(&'a Gauge);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
