//! A private Redis, replicas that share it, and waiting with a deadline.

use backing_services::{Backing, Kind, Service, What, offers};
use cache::{Cache, Found, Limits, Moment, SessionCopy};
use redis::aio::MultiplexedConnection;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const IDLE: Duration = Duration::from_secs(60);

/// What a session is here: whose it is.
pub(crate) type Copy = SessionCopy<String>;

/// One Redis of our own, gone with the test.
pub(crate) struct Redis {
    pub(crate) service: Service,
    _folder: TempDir,
}

impl Redis {
    pub(crate) async fn start(backing: Backing) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let service = backing_services::redis(backing, folder.path()).await;
        let service = service.expect("a Redis starts");
        Self { service, _folder: folder }
    }

    /// One replica's cache, with the patience that a busy machine needs.
    pub(crate) async fn cache(&self) -> Cache {
        self.cache_with(patient()).await
    }

    pub(crate) async fn cache_with(&self, limits: Limits) -> Cache {
        Cache::open(&self.service.url, limits).await.expect("Redis is there")
    }

    /// A connection that goes past the cache.
    pub(crate) async fn past_it(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.service.url.as_str()).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("Redis is there")
    }

    /// Says something to Redis, past the cache.
    pub(crate) async fn say<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut self.past_it().await).await.expect("Redis answers")
    }
}

/// Limits that a busy machine keeps, where a test is not about time.
pub(crate) fn patient() -> Limits {
    let (connect, command) = (Duration::from_secs(1), Duration::from_millis(500));
    Limits { connect, command, ..Limits::default() }
}

/// The Redis servers that this machine can run.
pub(crate) async fn kinds() -> Vec<Backing> {
    let offers = offers(What::Redis).await;
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

/// A copy of alice's session, as if it had just been read from the truth.
pub(crate) fn copy(version: i64, read_at: Moment) -> Copy {
    let ends_at = now_ms() + 3_600_000;
    SessionCopy { version, ends_at, read_at, session: "alice".to_owned() }
}

/// Asks for a session that is not cached, and returns when that was.
pub(crate) async fn miss(cache: &Cache, proof: &str) -> Moment {
    match cache.peek_session::<String>(proof).await.expect("Redis answers") {
        Found::Nothing { now } => now,
        found => panic!("expected nothing, found {found:?}"),
    }
}

/// Caches alice's session.
pub(crate) async fn fill(cache: &Cache, proof: &str) {
    let now = miss(cache, proof).await;
    let filled = cache.fill_session(proof, &copy(1, now), IDLE).await;
    assert_eq!(filled, Ok(cache::Filled::Stored));
}

pub(crate) async fn lives(cache: &Cache, proof: &str) -> bool {
    let found = cache.use_session::<String>(proof, IDLE).await;
    matches!(found, Ok(Found::Live { .. }))
}

/// Waits for a condition, and not for ever.
pub(crate) async fn until<Check: Future<Output = bool>>(
    what: &str,
    limit: Duration,
    check: impl Fn() -> Check,
) {
    let deadline = Instant::now() + limit;
    while !check().await {
        assert!(Instant::now() < deadline, "in {limit:?} it did not happen that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
