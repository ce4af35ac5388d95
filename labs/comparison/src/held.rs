//! What a replica holds for those who have logged in, and what that weighs.
//!
//! Some hundred logins come through the balancer, as logins do, and each replica is looked
//! at before and after: its resident memory, as the system counts it, and the number of
//! sessions it says it has. Both are given for 1,000 logins to the whole cluster.

use crate::contender::Contender;
use crate::lane::{Accounts, Lane};
use crate::login::log_in;
use api_conformance::client::{Client, Options};
use api_contract::paths;
use futures_util::StreamExt;
use futures_util::stream;
use http::Method;
use serde::Serialize;
use std::fs;
use std::time::{Duration, Instant};

/// Logins between the two looks.
pub const LOGINS: usize = 300;

/// Logins before the first look: what is only made once is made by then.
const WARM_UP: usize = 60;

/// Logins under way at once.
const AT_ONCE: usize = 4;

/// Replicas that tell each other take a moment, and count once in a while: they are looked
/// at until two looks in a row show the same, and the same for all.
const BETWEEN_LOOKS: Duration = Duration::from_millis(700);
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a replica says how many sessions it has: the first that it has is the one.
const COUNTS: [&str; 2] = ["gossip_sessions_living", "live_sessions"];

/// For 1,000 logins to the cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// Growth of a replica's resident memory in bytes, the median of the replicas. Includes
    /// what the process took from the system and keeps for later; absent where the system
    /// does not tell.
    pub bytes: Option<f64>,
    /// Sessions that a replica gained, the smallest and the greatest number; absent where
    /// replicas hold none.
    pub sessions: Option<(f64, f64)>,
    /// Whether replicas that tell each other had the same to tell in the end.
    pub settled: bool,
}

/// One look at one replica.
#[derive(Clone, Copy, Debug)]
struct Look {
    bytes: Option<f64>,
    sessions: Option<f64>,
}

pub(crate) async fn measure(lane: &Lane, accounts: &Accounts) -> anyhow::Result<Held> {
    log_many_in(lane, accounts, WARM_UP).await?;
    let (before, settled) = settled(lane).await?;
    log_many_in(lane, accounts, LOGINS).await?;
    let (after, settled_again) = self::settled(lane).await?;
    Ok(Held { settled: settled && settled_again, ..growth(&before, &after) })
}

/// Looks until nothing changes any more; says whether that came before patience ended.
async fn settled(lane: &Lane) -> anyhow::Result<(Vec<Look>, bool)> {
    let deadline = Instant::now() + PATIENCE;
    let counts =
        |looks: &[Look]| looks.iter().map(|one| one.sessions).collect::<Vec<_>>();
    let mut last = look(lane).await?;
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let now = look(lane).await?;
        let agree = lane.contender != Contender::Replicated
            || counts(&now).windows(2).all(|pair| pair[0] == pair[1]);
        let settled = agree && counts(&now) == counts(&last);
        if settled || Instant::now() > deadline {
            return Ok((now, settled));
        }
        last = now;
    }
}

/// Each login over a connection of its own, as from many people.
async fn log_many_in(
    lane: &Lane,
    accounts: &Accounts,
    logins: usize,
) -> anyhow::Result<()> {
    let options = Options { reuse_connections: false, ..Options::default() };
    let client = Client::with(&lane.cluster.url(), options);
    let all = accounts.crowd.iter().cycle().take(logins);
    let mut logins = stream::iter(all)
        .map(|account| log_in(&client, lane.contender, account))
        .buffer_unordered(AT_ONCE);
    while let Some(login) = logins.next().await {
        login.done()?;
    }
    Ok(())
}

async fn look(lane: &Lane) -> anyhow::Result<Vec<Look>> {
    let mut looks = Vec::new();
    for member in lane.members().await {
        let (Some(pid), Some(admin)) = (member.pid, member.admin) else {
            continue;
        };
        let admin = Client::new(&format!("http://{admin}"));
        let page = admin.send(admin.request(Method::GET, paths::METRICS)).await?.body;
        looks.push(Look {
            bytes: resident_bytes(pid),
            sessions: sessions(&String::from_utf8_lossy(&page)),
        });
    }
    Ok(looks)
}

fn resident_bytes(pid: i32) -> Option<f64> {
    in_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// The line `VmRSS:     5012 kB` of a process's status, in bytes.
fn in_status(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024.0)
}

fn sessions(metrics: &str) -> Option<f64> {
    COUNTS.iter().find_map(|name| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line?.trim().parse().ok()
    })
}

fn growth(before: &[Look], after: &[Look]) -> Held {
    let of = |figure: fn(&Look) -> Option<f64>| -> Option<Vec<f64>> {
        let pairs = before.iter().zip(after);
        let grown = pairs.map(|(before, after)| Some(figure(after)? - figure(before)?));
        let grown: Option<Vec<f64>> = grown.collect();
        let mut grown = grown.filter(|grown| !grown.is_empty())?;
        grown.sort_by(f64::total_cmp);
        Some(grown.iter().map(|one| one * per_thousand()).collect())
    };
    let bytes = of(|look| look.bytes).map(|grown| grown[grown.len() / 2]);
    let sessions = of(|look| look.sessions)
        .and_then(|grown| Some((*grown.first()?, *grown.last()?)));
    Held { bytes, sessions, settled: true }
}

#[expect(clippy::cast_precision_loss, reason = "some hundred logins")]
fn per_thousand() -> f64 {
    1_000.0 / LOGINS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: f64, sessions: Option<f64>) -> Look {
        Look { bytes: Some(bytes), sessions }
    }

    #[test]
    fn growth_is_for_a_thousand_logins_and_the_median_of_the_replicas() {
        let before =
            [look(10.0, Some(1.0)), look(20.0, Some(1.0)), look(30.0, Some(4.0))];
        let after =
            [look(310.0, Some(101.0)), look(620.0, Some(91.0)), look(30.0, Some(114.0))];
        let held = growth(&before, &after);
        assert_eq!(held.bytes, Some(1_000.0));
        let (fewest, most) = held.sessions.unwrap();
        assert!((fewest - 300.0).abs() < 0.01 && (most - 366.666).abs() < 0.01);
    }

    #[test]
    fn a_replica_that_counts_no_sessions_has_no_figure_rather_than_zero() {
        let looks = [look(1.0, None), look(1.0, None)];
        assert_eq!(growth(&looks, &looks).sessions, None);
    }

    #[test]
    fn what_gossip_knows_goes_before_what_a_sweep_counted() {
        let page = "# HELP x\nlive_sessions 3\ngossip_sessions_living 7\n";
        assert_eq!(sessions(page), Some(7.0));
        assert_eq!(sessions("live_sessions 3\n"), Some(3.0));
        assert_eq!(sessions("http_requests_total{status=\"200\"} 9\n"), None);
    }

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(in_status("Name:\tlab\nVmRSS:\t   12 kB\n"), Some(12_288.0));
        assert_eq!(in_status("Name:\tlab\n"), None);
    }
}
