//! The cost of the cache's scripts, which keep an ended session from being cached again.
//!
//! `cargo bench -p benches --bench cache_fill`
//!
//! A session is cached only if the cache has no newer version and no tombstone. A look-up also
//! extends the session. Both are scripts that run in Redis (`cache/src/scripts`). `ping` is a
//! round trip without a script; the difference is the cost of a script.

mod fixture {
    pub(crate) mod accounts;
    pub(crate) mod cached;
    pub(crate) mod redis;
    pub(crate) mod worker;
}

use anyhow::ensure;
use cache::{Cache, Filled, Found, RedisTime, Written};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fixture::accounts::member;
use fixture::cached::{self, IDLE, copy};
use fixture::redis::Redis;
use fixture::worker;
use records::Member;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Idle timeout of sessions that are cached once and never read, so that Redis does not fill
/// up.
const SHORT: Duration = Duration::from_secs(5);

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() -> ExitCode {
    benches::begin(env!("CARGO_CRATE_NAME"));
    let runtime = Runtime::new().expect("a runtime can be started");
    http_edge::program::exit_code(measure(&runtime))
}

fn measure(runtime: &Runtime) -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let redis = runtime.block_on(Redis::start())?;
    let kind = redis.service.kind.as_str();
    let mut group = criterion.benchmark_group(format!("cache-on-{kind}-redis"));
    let [known, ended] = ["known", "ended"].map(str::to_owned);
    let asked = runtime.block_on(cached::fill(&redis.cache, &known, member(0)))?;
    let written = runtime
        .block_on(redis.cache.invalidate_sessions(std::slice::from_ref(&ended), IDLE));
    ensure!(written == Written::Now, "Redis has no tombstone");
    let connected =
        Connected { cache: redis.cache.clone(), asked, numbers: Arc::default() };
    ping(&mut group, runtime, &connected);
    look_ups(&mut group, runtime, &connected, &known);
    fills(&mut group, runtime, &connected);
    refused(
        &mut group,
        runtime,
        &connected,
        "fill-refused-known",
        &known,
        Filled::NotNewer,
    );
    refused(&mut group, runtime, &connected, "fill-refused-ended", &ended, Filled::Ended);
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A replica that read Redis's time and then the database.
#[derive(Clone)]
struct Connected {
    cache: Cache,
    asked: RedisTime,
    /// Numbers not used yet, for keys that do not exist and for newer versions.
    numbers: Arc<AtomicI64>,
}

impl Connected {
    fn next(&self) -> i64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 2
    }

    async fn fill(&self, session_id_hash: &str, version: i64, idle: Duration) -> Filled {
        let read = copy(version, self.asked, member(0));
        let filled = self.cache.fill_session(session_id_hash, &read, idle).await;
        filled.expect("Redis answers")
    }
}

fn ping(group: &mut Group<'_>, runtime: &Runtime, connected: &Connected) {
    group.bench_function("ping", |bencher| {
        let connected = connected.clone();
        worker::time(bencher, runtime, move |_| {
            let connected = connected.clone();
            async move { connected.cache.ping().await.expect("Redis answers") }
        });
    });
}

/// Counts as a use: it extends the session.
fn look_ups(
    group: &mut Group<'_>,
    runtime: &Runtime,
    connected: &Connected,
    known: &str,
) {
    for (name, session_id_hash, is_there) in
        [("look-up", known, true), ("look-up-of-nothing", "nobody", false)]
    {
        group.bench_function(name, |bencher| {
            let (connected, session_id_hash) =
                (connected.clone(), Arc::<str>::from(session_id_hash));
            worker::time(bencher, runtime, move |_| {
                let (connected, session_id_hash) =
                    (connected.clone(), Arc::clone(&session_id_hash));
                async move {
                    let found = connected
                        .cache
                        .use_session::<Member>(&session_id_hash, IDLE)
                        .await;
                    let found = found.expect("Redis answers");
                    let lives = matches!(found, Found::Live { .. });
                    assert_eq!(lives, is_there, "{found:?}");
                }
            });
        });
    }
}

/// Fills of absent keys, and of keys with an older version.
fn fills(group: &mut Group<'_>, runtime: &Runtime, connected: &Connected) {
    group.bench_function("fill", |bencher| {
        let connected = connected.clone();
        worker::time(bencher, runtime, move |_| {
            let connected = connected.clone();
            async move {
                let session_id_hash = format!("{:064x}", connected.next());
                assert_eq!(
                    connected.fill(&session_id_hash, 1, SHORT).await,
                    Filled::Stored
                );
            }
        });
    });
    group.bench_function("fill-over-an-older-one", |bencher| {
        let connected = connected.clone();
        worker::time(bencher, runtime, move |_| {
            let connected = connected.clone();
            async move {
                let version = connected.next();
                assert_eq!(connected.fill("older", version, IDLE).await, Filled::Stored);
            }
        });
    });
}

/// A slow reader comes too late: the cache has a newer version.
fn refused(
    group: &mut Group<'_>,
    runtime: &Runtime,
    connected: &Connected,
    name: &str,
    session_id_hash: &str,
    why: Filled,
) {
    group.bench_function(name, |bencher| {
        let (connected, session_id_hash) = (connected.clone(), Arc::<str>::from(session_id_hash));
        worker::time(bencher, runtime, move |_| {
            let (connected, session_id_hash) = (connected.clone(), Arc::clone(&session_id_hash));
            async move { assert_eq!(connected.fill(&session_id_hash, 1, IDLE).await, why) }
        });
    });
}
