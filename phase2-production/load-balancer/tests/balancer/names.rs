//! Backends by name, as containers have them.

use crate::replica::Replica;
use crate::rig::{Rig, args};
use clap::Parser;
use load_balancer::Balancer;
use load_balancer::config::{BalancerArgs, Place};
use load_balancer::status::BackendState;
use std::time::Duration;

#[tokio::test]
async fn a_backend_given_by_name_is_looked_up_and_served_from() {
    let replica = Replica::start("r1").await;
    let named = format!("r1=localhost:{}", replica.address.port());
    let rig = Rig::start_empty(&["--backend", &named]).await;
    rig.until_known("r1").await;
    rig.until("r1", BackendState::Up).await;
    assert_eq!(rig.who().await, "r1");
}

/// Longer than it takes to look a name up again.
const A_WHILE: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn an_order_counts_for_more_than_a_name() {
    let (named, moved) = (Replica::start("named").await, Replica::start("moved").await);
    let flag = format!("r1=localhost:{}", named.address.port());
    let rig = Rig::start_empty(&["--backend", &flag]).await;
    rig.until_known("r1").await;
    rig.balancer.put_backend("r1", moved.address);
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(rig.status("r1").address, moved.address);
    assert!(rig.balancer.remove_backend("r1"));
    tokio::time::sleep(A_WHILE).await;
    assert!(rig.balancer.status().backends.is_empty());
}

#[tokio::test]
async fn a_name_that_leads_nowhere_does_not_keep_the_balancer_from_starting() {
    let balancer = Balancer::new(&args(&["--backend", "r1=nobody.invalid:80"])).unwrap();
    assert!(balancer.status().backends.is_empty());
}

#[test]
fn what_is_neither_an_address_nor_a_name_is_refused() {
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
    assert_eq!(backend.place, Place::Name("replica-1.lab:80".to_owned()));
}
