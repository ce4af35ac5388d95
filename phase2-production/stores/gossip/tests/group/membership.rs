//! Nodes join, leave and restart.

use crate::support::{is_known, join, now, session_hash, three, wait_until};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn join_returns_after_the_node_has_caught_up() {
    let nodes = three().await;
    for number in 0..200 {
        nodes[number % 3]
            .start(&session_hash(number), "ann", &"x".repeat(300), now())
            .await;
    }
    for number in 0..20 {
        wait_until("a birth", || is_known(&nodes[0], &session_hash(number))).await;
        nodes[0].end(&session_hash(number), now()).await.unwrap();
    }
    wait_until("180 sessions", || nodes[1].sessions_of("ann", now()).len() == 180).await;
    let late = join("r4", &[nodes[1].address()]).await;
    assert_eq!(late.sessions_of("ann", now()).len(), 180, "after join has returned");
    late.start(&session_hash(1_000), "ann", "", now()).await;
    wait_until("the new node's session", || is_known(&nodes[2], &session_hash(1_000)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_survive_the_departure_of_their_node() {
    let [first, second, third] = three().await;
    third.start(&session_hash(1), "ann", "about", now()).await;
    third.leave().await;
    drop(third);
    wait_until("the last write of the node that left", || {
        is_known(&first, &session_hash(1))
    })
    .await;
    let late = join("r4", &[first.address()]).await;
    assert!(is_known(&late, &session_hash(1)), "sent by the remaining nodes");
    second.end(&session_hash(1), now()).await.unwrap();
    wait_until("its death", || {
        !is_known(&late, &session_hash(1)) && !is_known(&first, &session_hash(1))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restarted_node_receives_all_writes_including_its_own() {
    let [first, second, third] = three().await;
    third.start(&session_hash(1), "ann", "about", now()).await;
    first.start(&session_hash(2), "ann", "about", now()).await;
    wait_until("both", || {
        is_known(&second, &session_hash(1)) && is_known(&second, &session_hash(2))
    })
    .await;
    third.leave().await;
    drop(third);
    let again = join("r3", &[first.address(), second.address()]).await;
    assert!(is_known(&again, &session_hash(1)) && is_known(&again, &session_hash(2)));
    again.add_file(&session_hash(1), "later", now()).await.unwrap();
    let files = || first.peek(&session_hash(1), now()).unwrap().files;
    wait_until("its new write", || files() == ["later"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_without_replies_starts_alone() {
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let started = Instant::now();
    let alone = join("r1", &[closed.local_addr().unwrap()]).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    alone.start(&session_hash(1), "ann", "about", now()).await;
    assert_eq!(alone.touch(&session_hash(1), now()).await.as_deref(), Ok("about"));
}
