//! Nodes are killed and paused.

use crate::process::Process;
use crate::support::{STATED_DELAY, is_known, join, now, session_hash, wait_until};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_a_killed_node_reach_later_nodes() {
    let first = join("r1", &[]).await;
    let second = join("r2", &[first.address()]).await;
    let mut third = Process::join("r3", &[first.address()]).await;
    let hash = session_hash(1);
    assert_eq!(third.call(&format!("start {hash}")).await, "alive");
    assert_eq!(third.call(&format!("file {hash}")).await, "alive");
    let replicated =
        || second.peek(&hash, now()).is_ok_and(|known| known.files == ["name"]);
    wait_until("its writes", replicated).await;
    wait_until("the same", || is_known(&first, &hash)).await;
    let address = third.address;
    third.killed().await;

    let mut late = Process::join("r4", &[first.address()]).await;
    assert_eq!(late.call(&format!("touch {hash}")).await, "alive");
    // The same node at the same address, with empty memory.
    let mut again = Process::join("r3", &[address, first.address()]).await;
    assert_eq!(again.call(&format!("touch {hash}")).await, "alive");
    assert_eq!(again.call(&format!("end {hash}")).await, "alive");
    wait_until("its death", || !is_known(&first, &hash) && !is_known(&second, &hash))
        .await;
    again.killed().await;
    let mut later = Process::join("r5", &[first.address()]).await;
    assert_eq!(later.call(&format!("touch {hash}")).await, "unknown");
}

/// The paused node holds the session alive in its memory. After it resumes it must not
/// accept the session and must not report it alive to the others.
#[tokio::test(flavor = "multi_thread")]
async fn paused_node_does_not_restore_an_ended_session() {
    let first = join("r1", &[]).await;
    let second = join("r2", &[first.address()]).await;
    let mut paused = Process::join("r3", &[first.address()]).await;
    let (dead, alive) = (session_hash(1), session_hash(2));
    assert_eq!(paused.call(&format!("start {dead}")).await, "alive");
    assert_eq!(paused.call(&format!("start {alive}")).await, "alive");
    wait_until("both", || is_known(&second, &dead) && is_known(&second, &alive)).await;

    paused.signal(Signal::SIGSTOP);
    second.end(&dead, now()).await.unwrap();
    wait_until("its death", || !is_known(&first, &dead)).await;
    // Sent while it is paused, so that this is its first operation.
    paused.command(&format!("touch {dead}")).await;
    // The test needs the time to pass for every process except the paused one.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    paused.signal(Signal::SIGCONT);

    let resumed_at = Instant::now();
    let mut replies = vec![paused.reply().await];
    while paused.call(&format!("touch {alive}")).await != "alive" {
        replies.push(paused.call(&format!("touch {dead}")).await);
        assert!(resumed_at.elapsed() < STATED_DELAY, "it does not catch up");
    }
    println!(
        "caught up {:?} after it resumed; {} calls for the ended session",
        resumed_at.elapsed(),
        replies.len()
    );
    assert!(replies.iter().all(|reply| reply != "alive"), "{replies:?}");
    for _ in 0..20 {
        assert_eq!(paused.call(&format!("touch {dead}")).await, "unknown");
        assert!(!is_known(&first, &dead) && !is_known(&second, &dead));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
