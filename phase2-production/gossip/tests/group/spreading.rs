//! What is done on one node is known on all: how soon, and what it takes.

use crate::rig::{config, join, knows, median_and_most, now, proof, soon, three};
use gossip::{Gone, Gossip, GossipConfig, Lives};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_written_on_one_node_is_known_on_the_others_within_the_stated_delay() {
    let nodes = three().await;
    let mut delays = Vec::new();
    for number in 0..60 {
        let (proof, began) = (proof(number), Instant::now());
        let writer = nodes[number % 3].clone();
        let birth = {
            let proof = proof.clone();
            tokio::spawn(async move { writer.start(&proof, "ann", "about", now()).await })
        };
        soon("a birth", || nodes.iter().all(|node| knows(node, &proof))).await;
        delays.push(began.elapsed());
        birth.await.unwrap();
        let (began, ender) = (Instant::now(), nodes[(number + 1) % 3].clone());
        let death = {
            let proof = proof.clone();
            tokio::spawn(async move { ender.end(&proof, now()).await.unwrap() })
        };
        soon("a death", || nodes.iter().all(|node| !knows(node, &proof))).await;
        delays.push(began.elapsed());
        death.await.unwrap();
    }
    let (median, most) = median_and_most(delays);
    println!("known on all three nodes: median {median:?}, at most {most:?}, of 120");
}

/// The usual case: the others answer, and then there is nothing to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_returns_when_the_others_have_heard_it() {
    let nodes = three().await;
    let mut waits = Vec::new();
    let mut at_once = 0;
    for number in 0..60 {
        let (proof, began) = (proof(number), Instant::now());
        nodes[number % 3].start(&proof, "ann", "about", now()).await;
        waits.push(began.elapsed());
        at_once += usize::from(nodes.iter().all(|node| knows(node, &proof)));
    }
    let (median, most) = median_and_most(waits);
    println!(
        "a write takes: median {median:?}, at most {most:?}; known at once: {at_once}/60"
    );
    // The first may come before the nodes have taken each other for alive.
    assert!(at_once >= 55, "{at_once} of 60");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_added_on_different_nodes_are_all_there_in_the_same_order() {
    let nodes = three().await;
    let proof = proof(1);
    nodes[0].start(&proof, "ann", "about", now()).await;
    soon("a birth", || nodes.iter().all(|node| knows(node, &proof))).await;
    let adding: Vec<_> = (0..50)
        .map(|number| {
            let (node, proof) = (nodes[number % 3].clone(), proof.clone());
            tokio::spawn(async move {
                node.add_file(&proof, &format!("file {number}"), now()).await.unwrap();
            })
        })
        .collect();
    for one in adding {
        one.await.unwrap();
    }
    let files = |node: &Gossip| node.look(&proof, now()).unwrap().files;
    soon("fifty files", || nodes.iter().all(|node| files(node).len() == 50)).await;
    assert_eq!(files(&nodes[0]), files(&nodes[1]));
    assert_eq!(files(&nodes[1]), files(&nodes[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_on_one_node_keeps_a_session_alive_on_the_others() {
    let lives = Lives { idle: Duration::from_secs(2), absolute: Duration::from_secs(60) };
    let first = Gossip::join(GossipConfig { lives, ..config("r1", &[]) }).await.unwrap();
    let seeds = [first.address()];
    let second = GossipConfig { lives, ..config("r2", &seeds) };
    let second = Gossip::join(second).await.unwrap();
    let (proof, born) = (proof(1), now());
    first.start(&proof, "ann", "about", born).await;
    soon("a birth", || knows(&second, &proof)).await;
    while now() < born + 4_000 {
        assert_eq!(second.touch(&proof, now()).await.as_deref(), Ok("about"));
        assert!(knows(&first, &proof), "used on the other node");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let last = now();
    soon("death of silence", || first.look(&proof, now()) == Err(Gone::Expired)).await;
    assert!(now() >= last + 1_900, "not early");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_out_everywhere_reaches_a_session_that_the_node_had_not_heard_of() {
    let nodes = three().await;
    let before = now();
    nodes[0].start(&proof(1), "ann", "about", before).await;
    nodes[2].end_all_of("ann", before).await;
    nodes[1].start(&proof(2), "ann", "about", before + 1).await;
    nodes[1].start(&proof(3), "bob", "about", before).await;
    for node in &nodes {
        soon("the new session and bob's", || {
            knows(node, &proof(2)) && knows(node, &proof(3)) && !knows(node, &proof(1))
        })
        .await;
        assert_eq!(node.of("ann", now()), [proof(2)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_holds_every_session_and_says_how_much_that_is() {
    let nodes = three().await;
    let mut sizes = Vec::new();
    for hundred in 0..3 {
        for number in 0..100 {
            nodes[hundred]
                .start(&proof(hundred * 100 + number), "ann", "about", now())
                .await;
        }
        for node in &nodes {
            let all = || async { node.size(now()).await.living == (hundred + 1) * 100 };
            crate::rig::soon_async("all sessions", all).await;
        }
        sizes.push(nodes[2].size(now()).await.bytes);
    }
    println!("bytes held by one node of three, with 100, 200, 300 sessions: {sizes:?}");
    assert!(sizes[1] > sizes[0] + 100 * 64 && sizes[2] > sizes[1] + 100 * 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_take_no_room_for_ever() {
    // So short that what is taken back is soon forgotten, and long enough for a busy
    // machine to use a session that it has just made.
    let lives = Lives { idle: Duration::from_secs(2), absolute: Duration::from_secs(4) };
    let first = Gossip::join(GossipConfig { lives, ..config("r1", &[]) }).await.unwrap();
    let seeds = [first.address()];
    let second = GossipConfig { lives, ..config("r2", &seeds) };
    let second = Gossip::join(second).await.unwrap();
    for number in 0..50 {
        first.start(&proof(number), "ann", "about", now()).await;
        first.add_file(&proof(number), "name", now()).await.unwrap();
    }
    // Heard of, living or not: the first may have died of age by now.
    soon("fifty sessions", || second.known() == 50).await;
    second.end(&proof(49), now()).await.unwrap();
    second.end_all_of("bob", now()).await;
    let full = first.size(now()).await.bytes;
    // Sweeping as if it were later: the margin after a death is ten seconds.
    let later = now() + 20_000;
    first.sweep(later).await;
    second.sweep(later).await;
    for node in [&first, &second] {
        crate::rig::soon_async("an empty map", || async {
            let size = node.size(later).await;
            (size.sessions, size.bytes < full / 3) == (0, true)
        })
        .await;
    }
}

/// However many files come, on whichever nodes: no node holds more than a session shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_many_files_does_not_grow_for_ever() {
    let few = |node, seeds: &[_]| GossipConfig { most_files: 5, ..config(node, seeds) };
    let first = Gossip::join(few("r1", &[])).await.unwrap();
    let second = Gossip::join(few("r2", &[first.address()])).await.unwrap();
    let (proof, began) = (proof(1), now());
    first.start(&proof, "ann", "about", began).await;
    soon("a birth", || knows(&second, &proof)).await;
    let name = |number: i64| format!("{number:0>200}");
    for number in 0..60 {
        let node = if number % 2 == 0 { &first } else { &second };
        node.add_file(&proof, &name(number), began + number).await.unwrap();
    }
    let newest: Vec<_> = (55..60).map(name).collect();
    for node in [&first, &second] {
        let known = || node.look(&proof, now()).is_ok_and(|known| known.files == newest);
        soon("the newest five", known).await;
        let bytes = node.size(now()).await.bytes;
        // Five of each node's own at most, and keys and beats beside; all would be 12 000.
        assert!(bytes < 6_000 + 60 * 90, "{bytes} bytes are held");
    }
}

#[tokio::test]
async fn a_node_listens_to_this_machine_only() {
    for (listen, seed) in [("0.0.0.0:0", "127.0.0.1:1"), ("127.0.0.1:0", "192.0.2.1:7")] {
        let mut outside = config("r1", &[seed.parse().unwrap()]);
        outside.listen = listen.parse().unwrap();
        let refused = Gossip::join(outside).await.err().unwrap().to_string();
        assert!(refused.contains("not authenticated"), "{refused}");
    }
    let taken = join("r1", &[]).await;
    let mut again = config("r2", &[]);
    again.listen = taken.address();
    let refused = format!("{:#}", Gossip::join(again).await.err().unwrap());
    assert!(refused.contains("in use"), "{refused}");
}
