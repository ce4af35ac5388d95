//! What do the cache's scripts cost that keep a dead session from living again?
//!
//! `cargo bench -p benches --bench cache_fill`
//!
//! A session is cached only if nothing newer is there and no tombstone, and is looked up
//! and kept alive in one go: two scripts that run in Redis (`cache/src/scripts`). `ping` is
//! a round trip without a script; what is more than that is theirs.

mod stage {
    pub(crate) mod cached;
    pub(crate) mod people;
    pub(crate) mod redis;
    pub(crate) mod worker;
}

use anyhow::ensure;
use cache::{Cache, Filled, Found, RedisTime, Written};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use records::Member;
use stage::cached::{self, IDLE, copy};
use stage::people::member;
use stage::redis::Redis;
use stage::worker;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Idle time of those that are cached once and never asked for: Redis forgets them soon,
/// and does not fill up.
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
    let scene = Scene { cache: redis.cache.clone(), asked, numbers: Arc::default() };
    ping(&mut group, runtime, &scene);
    look_ups(&mut group, runtime, &scene, &known);
    fills(&mut group, runtime, &scene);
    refused(&mut group, runtime, &scene, "fill-refused-known", &known, Filled::NotNewer);
    refused(&mut group, runtime, &scene, "fill-refused-ended", &ended, Filled::Ended);
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A replica that asked Redis the time and then read the truth.
#[derive(Clone)]
struct Scene {
    cache: Cache,
    asked: RedisTime,
    /// What was not used yet: for keys that are not there and versions that are newer.
    numbers: Arc<AtomicI64>,
}

impl Scene {
    fn next(&self) -> i64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 2
    }

    async fn fill(&self, proof: &str, version: i64, idle: Duration) -> Filled {
        let read = copy(version, self.asked, member(0));
        let filled = self.cache.fill_session(proof, &read, idle).await;
        filled.expect("Redis answers")
    }
}

fn ping(group: &mut Group<'_>, runtime: &Runtime, scene: &Scene) {
    group.bench_function("ping", |bencher| {
        let scene = scene.clone();
        worker::time(bencher, runtime, move |_| {
            let scene = scene.clone();
            async move { scene.cache.ping().await.expect("Redis answers") }
        });
    });
}

/// As a use: it lives on.
fn look_ups(group: &mut Group<'_>, runtime: &Runtime, scene: &Scene, known: &str) {
    for (name, proof, is_there) in
        [("look-up", known, true), ("look-up-of-nothing", "nobody", false)]
    {
        group.bench_function(name, |bencher| {
            let (scene, proof) = (scene.clone(), Arc::<str>::from(proof));
            worker::time(bencher, runtime, move |_| {
                let (scene, proof) = (scene.clone(), Arc::clone(&proof));
                async move {
                    let found = scene.cache.use_session::<Member>(&proof, IDLE).await;
                    let found = found.expect("Redis answers");
                    let lives = matches!(found, Found::Live { .. });
                    assert_eq!(lives, is_there, "{found:?}");
                }
            });
        });
    }
}

/// Of what is not there, and of what is there and older.
fn fills(group: &mut Group<'_>, runtime: &Runtime, scene: &Scene) {
    group.bench_function("fill", |bencher| {
        let scene = scene.clone();
        worker::time(bencher, runtime, move |_| {
            let scene = scene.clone();
            async move {
                let proof = format!("{:064x}", scene.next());
                assert_eq!(scene.fill(&proof, 1, SHORT).await, Filled::Stored);
            }
        });
    });
    group.bench_function("fill-over-an-older-one", |bencher| {
        let scene = scene.clone();
        worker::time(bencher, runtime, move |_| {
            let scene = scene.clone();
            async move {
                let version = scene.next();
                assert_eq!(scene.fill("older", version, IDLE).await, Filled::Stored);
            }
        });
    });
}

/// A slow reader comes too late: somebody knows better.
fn refused(
    group: &mut Group<'_>,
    runtime: &Runtime,
    scene: &Scene,
    name: &str,
    proof: &str,
    why: Filled,
) {
    group.bench_function(name, |bencher| {
        let (scene, proof) = (scene.clone(), Arc::<str>::from(proof));
        worker::time(bencher, runtime, move |_| {
            let (scene, proof) = (scene.clone(), Arc::clone(&proof));
            async move { assert_eq!(scene.fill(&proof, 1, IDLE).await, why) }
        });
    });
}
