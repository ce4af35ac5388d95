//! The time that a replica goes on accepting after SIGTERM follows from the balancer's checks.

use crate::support::{member, start};
use clap::Parser;
use launcher::ServerKind;
use load_balancer::config::BalancerArgs;
use std::time::Duration;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

/// The slowest balancer needs `fall` failed checks, each after an interval and with an answer
/// only at the timeout.
#[tokio::test]
async fn replicas_accept_until_the_slowest_balancer_has_noticed() {
    let checks = CommandLine::parse_from(["lb"]).args.checks();
    let fall = u32::try_from(checks.fall).unwrap();
    let slowest = (checks.interval + checks.timeout) * fall;
    let cluster = start(ServerKind::Stateless, 1).await;
    let pid = member(&cluster.status().await, "r1").pid.unwrap();
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let line = String::from_utf8(line).unwrap();
    let mut words = line.split('\0');
    let grace = words.find(|word| *word == "--drain-grace-ms").and(words.next());
    let grace = Duration::from_millis(grace.expect("a grace").parse().unwrap());
    assert!(grace >= slowest, "{grace:?} is shorter than {slowest:?}");
    cluster.down().await;
}
