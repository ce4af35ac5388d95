//! Backends by host name, as containers have them.

use crate::fixture::{TestBalancer, args};
use crate::replica::Replica;
use clap::Parser;
use load_balancer::Balancer;
use load_balancer::config::{BackendAddress, BalancerArgs};
use load_balancer::status::BackendState;
use std::time::Duration;

#[tokio::test]
async fn host_name_of_backend_is_resolved() {
    let replica = Replica::start("r1").await;
    let named = format!("r1=localhost:{}", replica.address.port());
    let balancer = TestBalancer::start_empty(&["--backend", &named]).await;
    balancer.until_known("r1").await;
    balancer.until("r1", BackendState::Up).await;
    assert_eq!(balancer.serving_replica().await, "r1");
}

/// Longer than two lookup intervals.
const TWO_LOOKUPS: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn command_has_precedence_over_dns() {
    let (named, moved) = (Replica::start("named").await, Replica::start("moved").await);
    let flag = format!("r1=localhost:{}", named.address.port());
    let balancer = TestBalancer::start_empty(&["--backend", &flag]).await;
    balancer.until_known("r1").await;
    balancer.handle.put_backend("r1", moved.address);
    tokio::time::sleep(TWO_LOOKUPS).await;
    assert_eq!(balancer.status("r1").address, moved.address);
    assert!(balancer.handle.remove_backend("r1"));
    tokio::time::sleep(TWO_LOOKUPS).await;
    assert!(balancer.handle.status().backends.is_empty());
}

#[tokio::test]
async fn balancer_starts_with_unresolvable_host_name() {
    let balancer = Balancer::new(&args(&["--backend", "r1=unknown.invalid:80"])).unwrap();
    assert!(balancer.status().backends.is_empty());
}

#[test]
fn invalid_backend_address_is_refused() {
    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        _args: BalancerArgs,
    }
    for wrong in ["r1=", "r1=host", "r1=host:0", "r1=host:http", "r1=:80", "r1=a b:80"] {
        let parsed = CommandLine::try_parse_from(["lb", "--backend", wrong]);
        assert!(parsed.is_err(), "{wrong}");
    }
    let backend = args(&["--backend", "r1=replica-1.lab:80"]).backends.remove(0);
    let host = BackendAddress::Host("replica-1.lab:80".to_owned());
    assert_eq!(backend.address, host);
}
