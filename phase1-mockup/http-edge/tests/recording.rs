//! The metrics recorder keeps counts, not samples.

#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

use std::fs;
use std::time::Duration;
use tokio::time::sleep;

/// Samples of one round. Each takes 16 bytes until it is sorted into its bucket: 4.8 MB.
const SAMPLES: u32 = 300_000;

/// Rounds. Without the upkeep the samples of all of them stay in memory: 43 MB.
const ROUNDS: usize = 9;

/// Kilobytes that the process may grow after the first rounds.
const MAX_GROWTH_KIB: u64 = 16 * 1024;

/// The resident memory of this process in KiB (proc(5), `VmRSS`).
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nothing scrapes here, as at most processes.
#[tokio::test]
async fn histogram_samples_are_drained_without_a_scrape() {
    http_edge::recorder::install();
    let histogram = metrics::histogram!("edge_test_duration_seconds");
    let mut before = 0;
    for round in 0..ROUNDS {
        (0..SAMPLES).for_each(|sample| histogram.record(f64::from(sample)));
        sleep(http_edge::recorder::UPKEEP_INTERVAL + Duration::from_millis(100)).await;
        if round == 2 {
            before = resident_kib();
        }
    }
    let growth = resident_kib().saturating_sub(before);
    assert!(growth < MAX_GROWTH_KIB, "{growth} KiB more");
}
