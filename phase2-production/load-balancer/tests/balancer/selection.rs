//! Selection: round robin, or the backend that the cookie names.

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN, STICKY};
use crate::fixture::{ONE_CHECK, TestBalancer};
use crate::replica::Replica;
use load_balancer::status::BackendState;
use std::collections::HashMap;

either!(
    round_robin_shares_requests_equally_without_cookie,
    sticky_client_stays_on_replica_that_gets_no_cookie,
    sticky_client_of_lost_replica_gets_new_cookie,
    drained_backend_keeps_its_sticky_clients,
    not_ready_backend_loses_its_sticky_clients,
);

/// The replica that answered, and the new cookie if there is one.
async fn visit(balancer: &AnyBalancer, cookie: Option<&str>) -> (String, Option<String>) {
    let mut request = balancer.client.get(balancer.url("/name"));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let text = |name| reply.headers().get(name).map(|value| value.to_str().unwrap());
    let cookie = text("set-cookie").map(str::to_ascii_lowercase);
    (text("x-served-by").unwrap().to_owned(), cookie)
}

fn cookie_for(id: &str) -> Option<String> {
    Some(format!("lab_replica={id}; path=/; httponly; samesite=lax"))
}

async fn round_robin_shares_requests_equally_without_cookie(kind: Kind) {
    let replicas = [
        Replica::start("r1").await,
        Replica::start("r2").await,
        Replica::start("r3").await,
    ];
    let [one, two, three] = replicas.each_ref().map(|replica| replica.address);
    let backends = [("r1", one), ("r2", two), ("r3", three)];
    let balancer = AnyBalancer::start(kind, ROUND_ROBIN, &backends).await;
    let mut share = HashMap::new();
    for _ in 0..30 {
        let (replica, cookie) = visit(&balancer, Some("lab_replica=r1")).await;
        assert_eq!(cookie, None);
        *share.entry(replica).or_insert(0) += 1;
    }
    let even = ["r1", "r2", "r3"].map(|id| (id.to_owned(), 10));
    assert_eq!(share, HashMap::from(even));
}

/// Two replicas behind a sticky balancer.
async fn sticky(kind: Kind) -> (Replica, Replica, AnyBalancer) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = AnyBalancer::start(kind, STICKY, &backends).await;
    (one, two, balancer)
}

async fn sticky_client_stays_on_replica_that_gets_no_cookie(kind: Kind) {
    let (one, two, balancer) = sticky(kind).await;
    let (first, cookie) = visit(&balancer, None).await;
    assert_eq!(cookie, cookie_for(&first));
    let pair = format!("own=1; lab_replica={first}");
    for _ in 0..5 {
        assert_eq!(visit(&balancer, Some(&pair)).await, (first.clone(), None));
    }
    let served = if first == "r1" { &one } else { &two };
    let received = served.received();
    assert_eq!(received.len(), 6);
    assert_eq!(received[5].headers["cookie"], "own=1");
}

async fn sticky_client_of_lost_replica_gets_new_cookie(kind: Kind) {
    let (one, _two, balancer) = sticky(kind).await;
    one.kill().await;
    let expected = ("r2".to_owned(), cookie_for("r2"));
    assert_eq!(visit(&balancer, Some("lab_replica=r1")).await, expected);
    balancer.until_not_up("r1").await;
    assert_eq!(visit(&balancer, Some("lab_replica=r1")).await, expected);
    assert_eq!(visit(&balancer, Some("lab_replica=made-up")).await, expected);
}

async fn drained_backend_keeps_its_sticky_clients(kind: Kind) {
    let (_one, _two, balancer) = sticky(kind).await;
    balancer.drain("r1").await;
    for _ in 0..4 {
        assert_eq!(visit(&balancer, None).await.0, "r2");
        let visited = visit(&balancer, Some("lab_replica=r1")).await;
        assert_eq!(visited, ("r1".to_owned(), None));
    }
}

async fn not_ready_backend_loses_its_sticky_clients(kind: Kind) {
    let (one, _two, balancer) = sticky(kind).await;
    one.answer_readyz_with(503);
    balancer.until_not_up("r1").await;
    let (replica, cookie) = visit(&balancer, Some("lab_replica=r1")).await;
    assert_eq!((replica.as_str(), cookie), ("r2", cookie_for("r2")));
}

#[tokio::test]
async fn removed_backend_loses_its_sticky_clients() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = TestBalancer::start(&["--policy", STICKY], &backends).await;
    assert!(balancer.handle.remove_backend("r1"));
    let request =
        balancer.client.get(balancer.url("/name")).header("cookie", "lab_replica=r1");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["x-served-by"], "r2");
    assert_eq!(reply.headers()["set-cookie"].as_bytes()[..14], *b"lab_replica=r2");
}

#[tokio::test]
async fn new_address_gets_requests_after_passed_check() {
    let (old, new) = (Replica::start("old").await, Replica::start("new").await);
    let balancer = TestBalancer::start(&[], &[("r1", old.address)]).await;
    assert_eq!(balancer.serving_replica().await, "old");
    let put = balancer.handle.put_backend("r1", new.address);
    assert_eq!((put.state, put.address), (BackendState::Starting, new.address));
    balancer.until("r1", BackendState::Up).await;
    assert_eq!(balancer.serving_replica().await, "new");
    assert_eq!(balancer.status("r1").served, 2, "the count belongs to the id");
    assert_eq!(old.received().len(), 1);
}

/// The dead backends are chosen, refuse the connection, and are skipped.
#[tokio::test]
async fn dead_and_drained_backends_leave_live_ones_equal_shares() {
    const ROUNDS: usize = 30;
    for (count, dead, drained) in [
        (3, &[0][..], &[][..]),
        (3, &[1], &[]),
        (3, &[2], &[]),
        (4, &[0, 1], &[]),
        (4, &[0, 2], &[]),
        (4, &[1], &[2]),
        (5, &[0, 3], &[4]),
        (3, &[], &[0]),
    ] {
        let mut replicas = Vec::new();
        for index in 0..count {
            replicas.push(Replica::start(&format!("r{index}")).await);
        }
        let ids: Vec<_> = (0..count).map(|index| format!("r{index}")).collect();
        let addresses = replicas.iter().map(|replica| replica.address);
        let backends: Vec<_> = ids.iter().map(String::as_str).zip(addresses).collect();
        let flags = [&ONE_CHECK[..], &["--check-fall", "1000000"]].concat();
        let balancer = TestBalancer::start(&flags, &backends).await;
        for index in drained {
            balancer.handle.drain_backend(&ids[*index]).unwrap();
        }
        let mut live = Vec::new();
        for (index, replica) in replicas.into_iter().enumerate() {
            match dead.contains(&index) {
                true => drop(replica.kill().await),
                false => live.push(replica),
            }
        }
        let serving = live.len() - drained.len();
        let mut share = HashMap::new();
        for _ in 0..ROUNDS * serving {
            *share.entry(balancer.serving_replica().await).or_insert(0) += 1;
        }
        let shares: Vec<_> = share.values().copied().collect();
        assert_eq!(shares, vec![ROUNDS; serving], "{count}, {dead:?}, {drained:?}");
    }
}

/// Cookies are bytes (RFC 6265 §4.2 forbids most, but clients send them): one that cannot be
/// read says nothing about the others.
#[tokio::test]
async fn unreadable_cookies_leave_others_as_they_are() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let balancer = TestBalancer::start(&["--policy", STICKY], &backends).await;
    for (sent, rest) in [
        (&b"Cookie: lab_replica=r2; a=\xff"[..], &[&b"a=\xff"[..]][..]),
        (b"Cookie: a=\xff; lab_replica=r2", &[b"a=\xff"]),
        (b"Cookie: a=\xff;lab_replica=r2;b=\xc3\xa4", &[b"a=\xff; b=\xc3\xa4"]),
        (b"Cookie: \x80\x81; lab_replica=r2; c", &[b"\x80\x81; c"]),
        (b"Cookie: a=\xff\r\nCookie: lab_replica=r2", &[b"a=\xff"]),
        (b"Cookie: lab_replica=r2\r\nCookie: a=\xff", &[b"a=\xff"]),
        (b"Cookie: a=\t; lab_replica=r2", &[b"a="]),
        (b"Cookie: lab_replica=r2", &[]),
        (b"Cookie: lab_replica=\xff; lab_replica=r2; d=1", &[b"d=1"]),
    ] {
        for _ in 0..3 {
            two.forget();
            let mut client = crate::wire::Wire::connect(balancer.address).await;
            let head = [b"GET /name HTTP/1.1\r\nHost: x\r\n", sent, b"\r\n\r\n"];
            client.send(&head.concat()).await;
            assert!(client.read_head().await);
            let shown = String::from_utf8_lossy(sent);
            assert_eq!(client.header("x-served-by"), Some("r2"), "{shown}");
            assert_eq!(client.header("set-cookie"), None, "{shown}");
            let received = two.only_received();
            let cookies: Vec<_> = received.headers.get_all("cookie").iter().collect();
            let cookies: Vec<_> = cookies.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(cookies, rest, "{shown}");
        }
    }
}
