//! Nodes for tests, each with its own address.

use gossip::{Gossip, GossipConfig, SessionLifetimes};
use report::statistics::percentile;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Timeout of replication to all nodes. The usual delay is far below; the tests print it.
pub(crate) const STATED_DELAY: Duration = Duration::from_secs(5);

pub(crate) const LIVES: SessionLifetimes = SessionLifetimes {
    idle: Duration::from_secs(600),
    absolute: Duration::from_secs(3_600),
};

pub(crate) fn config(node: &str, seeds: &[SocketAddr]) -> GossipConfig {
    GossipConfig {
        node: node.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        seeds: seeds.to_vec(),
        interval: Duration::from_millis(100),
        // Another test may reuse a port of this test's nodes and must be ignored.
        cluster_id: format!("{}-{:?}", std::process::id(), std::thread::current().name()),
        lifetimes: LIVES,
        max_files: 100,
    }
}

pub(crate) async fn join(node: &str, seeds: &[SocketAddr]) -> Gossip {
    Gossip::join(config(node, seeds)).await.unwrap()
}

pub(crate) async fn three() -> [Gossip; 3] {
    let first = join("r1", &[]).await;
    let seeds = [first.address()];
    [first, join("r2", &seeds).await, join("r3", &seeds).await]
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub(crate) fn session_hash(number: usize) -> String {
    format!("{number:064x}")
}

/// Waits for a condition. Returns the elapsed time.
pub(crate) async fn wait_until(
    condition_name: &str,
    condition: impl Fn() -> bool,
) -> Duration {
    wait_until_async(condition_name, || std::future::ready(condition())).await
}

pub(crate) async fn wait_until_async<F: Future<Output = bool>>(
    condition_name: &str,
    condition: impl Fn() -> F,
) -> Duration {
    let began = Instant::now();
    while !condition().await {
        assert!(
            began.elapsed() < STATED_DELAY,
            "not within the stated delay: {condition_name}"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

pub(crate) fn is_known(node: &Gossip, hash: &str) -> bool {
    node.peek(hash, now()).is_ok()
}

pub(crate) fn median_and_max(delays: &[Duration]) -> (Duration, Duration) {
    let of = |percent| percentile(delays.iter().copied(), percent).expect("a delay");
    (of(50), of(100))
}
