//! Replication of operations to all nodes: its delay and its cost.

use crate::support::{
    config, is_known, join, median_and_max, now, session_hash, three, wait_until,
};
use gossip::{Gone, Gossip, GossipConfig, SessionLifetimes};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn session_reaches_all_nodes_within_the_stated_delay() {
    let nodes = three().await;
    let mut delays = Vec::new();
    for number in 0..60 {
        let (hash, began) = (session_hash(number), Instant::now());
        let writer = nodes[number % 3].clone();
        let birth = {
            let hash = hash.clone();
            tokio::spawn(async move { writer.start(&hash, "ann", "about", now()).await })
        };
        wait_until("a birth", || nodes.iter().all(|node| is_known(node, &hash))).await;
        delays.push(began.elapsed());
        birth.await.unwrap();
        let (began, ender) = (Instant::now(), nodes[(number + 1) % 3].clone());
        let death = {
            let hash = hash.clone();
            tokio::spawn(async move { ender.end(&hash, now()).await.unwrap() })
        };
        wait_until("a death", || nodes.iter().all(|node| !is_known(node, &hash))).await;
        delays.push(began.elapsed());
        death.await.unwrap();
    }
    let (median, max) = median_and_max(&delays);
    println!("known on all three nodes: median {median:?}, at max {max:?}, of 120");
}

/// The usual case: all nodes acknowledge, and the write returns without a timeout.
#[tokio::test(flavor = "multi_thread")]
async fn write_returns_after_all_nodes_acknowledged_it() {
    let nodes = three().await;
    let mut waits = Vec::new();
    let mut immediate = 0;
    for number in 0..60 {
        let (hash, began) = (session_hash(number), Instant::now());
        nodes[number % 3].start(&hash, "ann", "about", now()).await;
        waits.push(began.elapsed());
        immediate += usize::from(nodes.iter().all(|node| is_known(node, &hash)));
    }
    let (median, max) = median_and_max(&waits);
    println!(
        "a write takes: median {median:?}, at max {max:?}; known immediately: {immediate}/60"
    );
    // The first writes may come before the nodes have detected each other.
    assert!(immediate >= 55, "{immediate} of 60");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_from_different_nodes_have_the_same_order_everywhere() {
    let nodes = three().await;
    let hash = session_hash(1);
    nodes[0].start(&hash, "ann", "about", now()).await;
    wait_until("a birth", || nodes.iter().all(|node| is_known(node, &hash))).await;
    let adding: Vec<_> = (0..50)
        .map(|number| {
            let (node, hash) = (nodes[number % 3].clone(), hash.clone());
            tokio::spawn(async move {
                node.add_file(&hash, &format!("file {number}"), now()).await.unwrap();
            })
        })
        .collect();
    for one in adding {
        one.await.unwrap();
    }
    let files = |node: &Gossip| node.peek(&hash, now()).unwrap().files;
    wait_until("fifty files", || nodes.iter().all(|node| files(node).len() == 50)).await;
    assert_eq!(files(&nodes[0]), files(&nodes[1]));
    assert_eq!(files(&nodes[1]), files(&nodes[2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn use_on_one_node_extends_the_session_on_others() {
    let lifetimes = SessionLifetimes {
        idle: Duration::from_secs(2),
        absolute: Duration::from_secs(60),
    };
    let first =
        Gossip::join(GossipConfig { lifetimes, ..config("r1", &[]) }).await.unwrap();
    let seeds = [first.address()];
    let second = GossipConfig { lifetimes, ..config("r2", &seeds) };
    let second = Gossip::join(second).await.unwrap();
    let (hash, born) = (session_hash(1), now());
    first.start(&hash, "ann", "about", born).await;
    wait_until("a birth", || is_known(&second, &hash)).await;
    while now() < born + 4_000 {
        assert_eq!(second.touch(&hash, now()).await.as_deref(), Ok("about"));
        assert!(is_known(&first, &hash), "used on the other node");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let last = now();
    wait_until("expiry by idle timeout", || {
        first.peek(&hash, now()) == Err(Gone::Expired)
    })
    .await;
    assert!(now() >= last + 1_900, "not early");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_out_everywhere_ends_sessions_unknown_to_the_node() {
    let nodes = three().await;
    let before = now();
    nodes[0].start(&session_hash(1), "ann", "about", before).await;
    nodes[2].end_all_of("ann", before).await;
    nodes[1].start(&session_hash(2), "ann", "about", before + 1).await;
    nodes[1].start(&session_hash(3), "bob", "about", before).await;
    for node in &nodes {
        wait_until("the new session and bob's", || {
            is_known(node, &session_hash(2))
                && is_known(node, &session_hash(3))
                && !is_known(node, &session_hash(1))
        })
        .await;
        assert_eq!(node.sessions_of("ann", now()), [session_hash(2)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_holds_every_session_and_reports_its_size() {
    let nodes = three().await;
    let mut sizes = Vec::new();
    for hundred in 0..3 {
        for number in 0..100 {
            nodes[hundred]
                .start(&session_hash(hundred * 100 + number), "ann", "about", now())
                .await;
        }
        for node in &nodes {
            let all = || async { node.size(now()).await.living == (hundred + 1) * 100 };
            crate::support::wait_until_async("all sessions", all).await;
        }
        sizes.push(nodes[2].size(now()).await.bytes);
    }
    println!("bytes held by one node of three, with 100, 200, 300 sessions: {sizes:?}");
    assert!(sizes[1] > sizes[0] + 100 * 64 && sizes[2] > sizes[1] + 100 * 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_sessions_are_removed_from_memory() {
    // Short, so that deleted entries are removed soon; long enough for a busy machine to
    // use a session that it has just made.
    let lifetimes = SessionLifetimes {
        idle: Duration::from_secs(2),
        absolute: Duration::from_secs(4),
    };
    let first =
        Gossip::join(GossipConfig { lifetimes, ..config("r1", &[]) }).await.unwrap();
    let seeds = [first.address()];
    let second = GossipConfig { lifetimes, ..config("r2", &seeds) };
    let second = Gossip::join(second).await.unwrap();
    for number in 0..50 {
        first.start(&session_hash(number), "ann", "about", now()).await;
        first.add_file(&session_hash(number), "name", now()).await.unwrap();
    }
    // Known, live or dead: the first may have expired by now.
    wait_until("fifty sessions", || second.known_sessions() == 50).await;
    second.end(&session_hash(49), now()).await.unwrap();
    second.end_all_of("bob", now()).await;
    let full = first.size(now()).await.bytes;
    // Sweeps at a later time, because the margin after a death is ten seconds.
    let later = now() + 20_000;
    for node in [&first, &second] {
        crate::support::wait_until_async("an empty map", || async {
            // An entry that arrives after a sweep waits for the next one.
            node.sweep(later).await;
            let size = node.size(later).await;
            (size.sessions, size.bytes < full / 3) == (0, true)
        })
        .await;
    }
}

/// With any number of files on any nodes, a node holds no more than a session shows.
#[tokio::test(flavor = "multi_thread")]
async fn session_with_many_files_stays_bounded() {
    let few = |node, seeds: &[_]| GossipConfig { max_files: 5, ..config(node, seeds) };
    let first = Gossip::join(few("r1", &[])).await.unwrap();
    let second = Gossip::join(few("r2", &[first.address()])).await.unwrap();
    let (hash, began) = (session_hash(1), now());
    first.start(&hash, "ann", "about", began).await;
    wait_until("a birth", || is_known(&second, &hash)).await;
    let name = |number: i64| format!("{number:0>200}");
    for number in 0..60 {
        let node = if number % 2 == 0 { &first } else { &second };
        node.add_file(&hash, &name(number), began + number).await.unwrap();
    }
    let newest: Vec<_> = (55..60).map(name).collect();
    for node in [&first, &second] {
        let known = || node.peek(&hash, now()).is_ok_and(|known| known.files == newest);
        wait_until("the newest five", known).await;
        let bytes = node.size(now()).await.bytes;
        // At most five files of each node, keys and heartbeats; all files would be 12 000
        // bytes.
        assert!(bytes < 6_000 + 60 * 90, "{bytes} bytes are held");
    }
}

#[tokio::test]
async fn node_refuses_addresses_of_other_machines() {
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
