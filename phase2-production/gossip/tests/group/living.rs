//! Nodes join, leave and restart.

use crate::rig::{join, knows, now, proof, soon, three};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_joins_knows_everything_when_it_has_joined() {
    let nodes = three().await;
    for number in 0..200 {
        nodes[number % 3].start(&proof(number), "ann", &"x".repeat(300), now()).await;
    }
    for number in 0..20 {
        soon("a birth", || knows(&nodes[0], &proof(number))).await;
        nodes[0].end(&proof(number), now()).await.unwrap();
    }
    soon("180 sessions", || nodes[1].of("ann", now()).len() == 180).await;
    let late = join("r4", &[nodes[1].address()]).await;
    assert_eq!(late.of("ann", now()).len(), 180, "when join has returned");
    late.start(&proof(1_000), "ann", "", now()).await;
    soon("the newcomer's session", || knows(&nodes[2], &proof(1_000))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_wrote_stays_when_it_leaves() {
    let [first, second, third] = three().await;
    third.start(&proof(1), "ann", "about", now()).await;
    third.leave().await;
    drop(third);
    soon("the last word of the one who left", || knows(&first, &proof(1))).await;
    let late = join("r4", &[first.address()]).await;
    assert!(knows(&late, &proof(1)), "told by those who stayed");
    second.end(&proof(1), now()).await.unwrap();
    soon("its death", || !knows(&late, &proof(1)) && !knows(&first, &proof(1))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_learns_everything_again_its_own_words_included() {
    let [first, second, third] = three().await;
    third.start(&proof(1), "ann", "about", now()).await;
    first.start(&proof(2), "ann", "about", now()).await;
    soon("both", || knows(&second, &proof(1)) && knows(&second, &proof(2))).await;
    third.leave().await;
    drop(third);
    let again = join("r3", &[first.address(), second.address()]).await;
    assert!(knows(&again, &proof(1)) && knows(&again, &proof(2)));
    again.add_file(&proof(1), "later", now()).await.unwrap();
    let files = || first.look(&proof(1), now()).unwrap().files;
    soon("its new word", || files() == ["later"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_to_whom_nobody_answers_starts_alone() {
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let began = Instant::now();
    let alone = join("r1", &[nobody.local_addr().unwrap()]).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    alone.start(&proof(1), "ann", "about", now()).await;
    assert_eq!(alone.touch(&proof(1), now()).await.as_deref(), Ok("about"));
}
