//! The lab's own servers, as real processes that are killed.

use launcher::{Backing, Design, Program, ServerKind};
use stateless_checker::cause::StateKind;
use stateless_checker::lab_cluster::{self, LabCluster};
use stateless_checker::{Options, Outcome, Report, check};

async fn checked(design: ServerKind, backing: Backing) -> Report {
    let path = env!("CARGO_BIN_EXE_checker-role").into();
    let program = Program { path, prefix: Vec::new() };
    let lab =
        LabCluster::start(program, design, backing).await.expect("the cluster starts");
    let mut instances = lab.instances().await.expect("its replicas are up");
    let options = Options { seed: 1, rounds: 1 };
    let report = check(&lab_cluster::description(design), &mut instances, options).await;
    drop(instances);
    lab.down().await;
    report
}

async fn assert_stateless(design: impl Into<ServerKind>) {
    let report = checked(design.into(), Backing::Auto).await;
    assert_eq!(report.outcome, Outcome::Pass, "{report}");
    assert!(report.limits.is_empty(), "{report}");
}

/// SQLite is enough: these designs keep sessions in memory.
async fn assert_depends_on(design: impl Into<ServerKind>, kind: StateKind) {
    let report = checked(design.into(), Backing::Embedded).await;
    assert_eq!(report.outcome, Outcome::Fail, "{report}");
    for finding in &report.findings {
        assert_eq!(finding.kind, kind, "{report}");
        assert_eq!(finding.needs[0].name, "log in", "{report}");
    }
}

#[tokio::test]
async fn the_stateful_server_rests_on_its_memory() {
    assert_depends_on(ServerKind::Stateful, StateKind::ReplicaMemory).await;
}

#[tokio::test]
async fn the_stateless_server_rests_on_nothing() {
    assert_stateless(ServerKind::Stateless).await;
}

#[tokio::test]
async fn memory_sessions_are_found_with_and_without_sticky_balancer() {
    assert_depends_on(Design::Memory, StateKind::ReplicaMemory).await;
    assert_depends_on(Design::Sticky, StateKind::ReplicaMemory).await;
}

#[tokio::test]
async fn replicated_sessions_rest_on_the_memory_of_all_replicas() {
    assert_depends_on(Design::Replicated, StateKind::SpreadMemory).await;
}

#[tokio::test]
async fn a_central_store_leaves_nothing_in_a_replica() {
    assert_stateless(Design::Central).await;
}

#[tokio::test]
async fn tokens_leave_nothing_in_a_replica() {
    assert_stateless(Design::Token).await;
}
