//! A Redis for one test, replicas that share it, and waits with a timeout.

use backing_services::{Backing, Kind, Service, ServiceType, offers};
use cache::{Cache, Denial, Found, Limits, OpenError, RedisTime, SessionCopy};
use redis::aio::MultiplexedConnection;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// The data of a session in these tests: its owner.
pub(crate) type Copy = SessionCopy<String>;

/// A Redis that ends with the test.
pub(crate) struct Redis {
    pub(crate) service: Service,
    _folder: TempDir,
}

impl Redis {
    pub(crate) async fn start(backing: Backing) -> Self {
        Self::with(async |folder| backing_services::redis(backing, &folder).await).await
    }

    /// The same with another way to start it, in the folder.
    pub(crate) async fn with(
        start: impl AsyncFnOnce(PathBuf) -> anyhow::Result<Service>,
    ) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let service = start(folder.path().to_owned()).await.expect("a Redis starts");
        Self { service, _folder: folder }
    }

    /// One replica's cache, with timeouts for a busy machine.
    pub(crate) async fn cache(&self) -> Cache {
        self.cache_with(generous_limits()).await
    }

    pub(crate) async fn cache_with(&self, limits: Limits) -> Cache {
        open(&self.service.url, limits).await.expect("Redis is there")
    }

    /// A connection without the cache, and without the default timeouts of the client library:
    /// on a busy machine a reply may take longer than 500 ms.
    pub(crate) async fn direct_connection(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.service.url.as_str()).expect("a URL");
        let config = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection =
            client.get_multiplexed_async_connection_with_config(&config).await;
        connection.expect("Redis is there")
    }

    /// Sends a command to Redis, without the cache.
    pub(crate) async fn command<T: redis::FromRedisValue>(
        &self,
        arguments: &[&str],
    ) -> T {
        let mut command = redis::cmd(arguments[0]);
        for argument in &arguments[1..] {
            command.arg(*argument);
        }
        command
            .query_async(&mut self.direct_connection().await)
            .await
            .expect("Redis answers")
    }
}

/// The id of the deployment in these tests.
const DEPLOYMENT: &str = "d";

/// Opens the cache of a replica.
pub(crate) async fn open(url: &str, limits: Limits) -> Result<Cache, OpenError> {
    Cache::open(url, DEPLOYMENT, limits).await
}

/// Whether Redis alone decides about a token that was issued at this time (milliseconds since
/// 1970) and finds it not denied.
pub(crate) async fn covers(cache: &Cache, key: &str, issued_at: i64) -> bool {
    match cache.is_denied(key).await {
        Ok(Denial::NotDenied { covered, .. }) => {
            let covered = i64::try_from(covered.as_millis()).expect("a short time");
            issued_at >= now_ms() - covered + 5_000
        }
        Ok(Denial::Denied) | Err(_) => false,
    }
}

/// Timeouts that a busy machine meets, for tests that do not measure time.
pub(crate) fn generous_limits() -> Limits {
    let (connect, command) = (Duration::from_secs(1), Duration::from_millis(500));
    Limits { connect_timeout: connect, call_timeout: command, ..Limits::default() }
}

/// The Redis servers that this machine can run.
pub(crate) async fn kinds() -> Vec<Backing> {
    let offers = offers(ServiceType::Redis).await;
    let installed =
        offers.iter().any(|offer| offer.kind == Kind::Local && offer.found.is_ok());
    if installed {
        vec![Backing::Local, Backing::Embedded]
    } else {
        vec![Backing::Embedded]
    }
}

/// Runs a test on each of them.
pub(crate) async fn on_each<Test: Future<Output = ()>>(test: impl Fn(Redis) -> Test) {
    for kind in kinds().await {
        println!("on {kind:?}");
        test(Redis::start(kind).await).await;
    }
}

pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_millis()).expect("before the year 292278994")
}

/// A copy of alice's session, as if it had just been read from the database.
pub(crate) fn copy(version: i64, read_at: RedisTime) -> Copy {
    let ends_at = now_ms() + 3_600_000;
    SessionCopy { version, ends_at, read_at, session: "alice".to_owned() }
}

/// Looks up a session that is not cached. Returns Redis' time.
pub(crate) async fn miss(cache: &Cache, hash: &str) -> RedisTime {
    match cache.peek_session::<String>(hash).await.expect("Redis answers") {
        Found::Miss { now, .. } => now,
        found => panic!("expected nothing, found {found:?}"),
    }
}

/// Caches alice's session.
pub(crate) async fn fill(cache: &Cache, hash: &str) {
    let now = miss(cache, hash).await;
    let filled = cache.fill_session(hash, &copy(1, now), IDLE).await;
    assert_eq!(filled, Ok(cache::Filled::Stored));
}

pub(crate) async fn is_live(cache: &Cache, hash: &str) -> bool {
    let found = cache.use_session::<String>(hash, IDLE).await;
    matches!(found, Ok(Found::Live { .. }))
}
