//! The lab's own servers, as real processes that are killed.

use cluster::{Backing, Design, Program, ServerKind};
use stateless_checker::cause::Kind;
use stateless_checker::ours::{self, Ours};
use stateless_checker::{Options, Outcome, Report, check};

async fn checked(design: ServerKind, backing: Backing) -> Report {
    let path = env!("CARGO_BIN_EXE_checker-role").into();
    let program = Program { path, prefix: Vec::new() };
    let ours = Ours::start(program, design, backing).await.expect("the cluster starts");
    let mut instances = ours.instances().await.expect("its replicas are up");
    let options = Options { seed: 1, rounds: 1 };
    let report = check(&ours::description(design), &mut instances, options).await;
    drop(instances);
    ours.down().await;
    report
}

async fn is_stateless(design: impl Into<ServerKind>) {
    let report = checked(design.into(), Backing::Auto).await;
    assert_eq!(report.outcome, Outcome::Pass, "{report}");
    assert!(report.limits.is_empty(), "{report}");
}

/// SQLite is enough: these designs keep sessions in memory.
async fn rests_on(design: impl Into<ServerKind>, kind: Kind) {
    let report = checked(design.into(), Backing::Embedded).await;
    assert_eq!(report.outcome, Outcome::Fail, "{report}");
    for finding in &report.findings {
        assert_eq!(finding.kind, kind, "{report}");
        assert_eq!(finding.needs[0].name, "log in", "{report}");
    }
}

#[tokio::test]
async fn the_stateful_server_rests_on_its_memory() {
    rests_on(ServerKind::Stateful, Kind::ReplicaMemory).await;
}

#[tokio::test]
async fn the_stateless_server_rests_on_nothing() {
    is_stateless(ServerKind::Stateless).await;
}

#[tokio::test]
async fn memory_sessions_are_found_with_and_without_sticky_balancer() {
    rests_on(Design::Memory, Kind::ReplicaMemory).await;
    rests_on(Design::Sticky, Kind::ReplicaMemory).await;
}

#[tokio::test]
async fn replicated_sessions_rest_on_the_memory_of_all_replicas() {
    rests_on(Design::Replicated, Kind::SpreadMemory).await;
}

#[tokio::test]
async fn a_central_store_leaves_nothing_in_a_replica() {
    is_stateless(Design::Central).await;
}

#[tokio::test]
async fn tokens_leave_nothing_in_a_replica() {
    is_stateless(Design::Token).await;
}
