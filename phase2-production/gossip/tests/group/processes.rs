//! Nodes are killed and paused.

use crate::process::Process;
use crate::rig::{STATED_DELAY, join, knows, now, proof, soon};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_wrote_stays_also_for_a_node_that_joins_later() {
    let first = join("r1", &[]).await;
    let second = join("r2", &[first.address()]).await;
    let mut third = Process::join("r3", &[first.address()]).await;
    let proof = proof(1);
    assert_eq!(third.ask(&format!("start {proof}")).await, "alive");
    assert_eq!(third.ask(&format!("file {proof}")).await, "alive");
    let told = || second.look(&proof, now()).is_ok_and(|known| known.files == ["name"]);
    soon("what it wrote", told).await;
    soon("the same", || knows(&first, &proof)).await;
    let address = third.address;
    third.killed().await;

    let mut late = Process::join("r4", &[first.address()]).await;
    assert_eq!(late.ask(&format!("touch {proof}")).await, "alive");
    // The same node again, at the same address, with nothing in its memory.
    let mut again = Process::join("r3", &[address, first.address()]).await;
    assert_eq!(again.ask(&format!("touch {proof}")).await, "alive");
    assert_eq!(again.ask(&format!("end {proof}")).await, "alive");
    soon("its death", || !knows(&first, &proof) && !knows(&second, &proof)).await;
    again.killed().await;
    let mut later = Process::join("r5", &[first.address()]).await;
    assert_eq!(later.ask(&format!("touch {proof}")).await, "unknown");
}

/// The paused node has the session in its memory, alive. When it wakes it must not let
/// anybody in with it, and must not tell the others that it lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_node_does_not_bring_an_ended_session_back_when_it_wakes() {
    let first = join("r1", &[]).await;
    let second = join("r2", &[first.address()]).await;
    let mut paused = Process::join("r3", &[first.address()]).await;
    let (dead, alive) = (proof(1), proof(2));
    assert_eq!(paused.ask(&format!("start {dead}")).await, "alive");
    assert_eq!(paused.ask(&format!("start {alive}")).await, "alive");
    soon("both", || knows(&second, &dead) && knows(&second, &alive)).await;

    paused.signal(Signal::SIGSTOP);
    second.end(&dead, now()).await.unwrap();
    soon("its death", || !knows(&first, &dead)).await;
    // Asked while it sleeps, so that this is the first thing that it does.
    paused.order(&format!("touch {dead}")).await;
    // The time itself is the subject: it passes for everybody but the one that sleeps.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    paused.signal(Signal::SIGCONT);

    let woken = Instant::now();
    let mut answers = vec![paused.answer().await];
    while paused.ask(&format!("touch {alive}")).await != "alive" {
        answers.push(paused.ask(&format!("touch {dead}")).await);
        assert!(woken.elapsed() < STATED_DELAY, "it never catches up");
    }
    println!(
        "caught up {:?} after it woke; asked about the dead {} times",
        woken.elapsed(),
        answers.len()
    );
    assert!(answers.iter().all(|answer| answer != "alive"), "{answers:?}");
    for _ in 0..20 {
        assert_eq!(paused.ask(&format!("touch {dead}")).await, "unknown");
        assert!(!knows(&first, &dead) && !knows(&second, &dead));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
