//! Who is picked: each in turn, or the one that the cookie names.

use crate::front::{Front, Kind, ROUND_ROBIN, STICKY};
use crate::replica::Replica;
use crate::rig::Rig;
use load_balancer::status::BackendState;
use std::collections::HashMap;

either!(
    round_robin_gives_every_replica_the_same_share_and_sets_no_cookie,
    a_sticky_client_comes_back_to_its_replica_which_does_not_see_the_cookie,
    a_sticky_client_whose_replica_is_gone_goes_elsewhere_and_gets_a_new_cookie,
    a_backend_drained_by_order_keeps_its_clients,
    a_backend_that_says_not_ready_itself_loses_even_its_own_clients,
);

/// What a sticky client gets back: who answered, and the cookie if there is a new one.
async fn visit(front: &Front, cookie: Option<&str>) -> (String, Option<String>) {
    let mut request = front.client.get(front.url("/who"));
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

async fn round_robin_gives_every_replica_the_same_share_and_sets_no_cookie(kind: Kind) {
    let replicas = [
        Replica::start("r1").await,
        Replica::start("r2").await,
        Replica::start("r3").await,
    ];
    let [one, two, three] = replicas.each_ref().map(|replica| replica.address);
    let backends = [("r1", one), ("r2", two), ("r3", three)];
    let front = Front::start(kind, ROUND_ROBIN, &backends).await;
    let mut share = HashMap::new();
    for _ in 0..30 {
        let (who, cookie) = visit(&front, Some("lab_replica=r1")).await;
        assert_eq!(cookie, None);
        *share.entry(who).or_insert(0) += 1;
    }
    let even = ["r1", "r2", "r3"].map(|id| (id.to_owned(), 10));
    assert_eq!(share, HashMap::from(even));
}

/// Two replicas behind a sticky balancer.
async fn sticky(kind: Kind) -> (Replica, Replica, Front) {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let front = Front::start(kind, STICKY, &backends).await;
    (one, two, front)
}

async fn a_sticky_client_comes_back_to_its_replica_which_does_not_see_the_cookie(
    kind: Kind,
) {
    let (one, two, front) = sticky(kind).await;
    let (first, cookie) = visit(&front, None).await;
    assert_eq!(cookie, cookie_for(&first));
    let pair = format!("own=1; lab_replica={first}");
    for _ in 0..5 {
        assert_eq!(visit(&front, Some(&pair)).await, (first.clone(), None));
    }
    let served = if first == "r1" { &one } else { &two };
    let seen = served.seen();
    assert_eq!(seen.len(), 6);
    assert_eq!(seen[5].headers["cookie"], "own=1");
}

async fn a_sticky_client_whose_replica_is_gone_goes_elsewhere_and_gets_a_new_cookie(
    kind: Kind,
) {
    let (one, _two, front) = sticky(kind).await;
    one.die().await;
    let expected = ("r2".to_owned(), cookie_for("r2"));
    assert_eq!(visit(&front, Some("lab_replica=r1")).await, expected);
    front.until_out("r1").await;
    assert_eq!(visit(&front, Some("lab_replica=r1")).await, expected);
    assert_eq!(visit(&front, Some("lab_replica=made-up")).await, expected);
}

async fn a_backend_drained_by_order_keeps_its_clients(kind: Kind) {
    let (_one, _two, front) = sticky(kind).await;
    front.drain("r1").await;
    for _ in 0..4 {
        assert_eq!(visit(&front, None).await.0, "r2");
        let visited = visit(&front, Some("lab_replica=r1")).await;
        assert_eq!(visited, ("r1".to_owned(), None));
    }
}

async fn a_backend_that_says_not_ready_itself_loses_even_its_own_clients(kind: Kind) {
    let (one, _two, front) = sticky(kind).await;
    one.answer_readyz_with(503);
    front.until_out("r1").await;
    let (who, cookie) = visit(&front, Some("lab_replica=r1")).await;
    assert_eq!((who.as_str(), cookie), ("r2", cookie_for("r2")));
}

#[tokio::test]
async fn a_backend_that_was_removed_loses_its_clients() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let rig = Rig::start(&["--policy", STICKY], &backends).await;
    assert!(rig.balancer.remove_backend("r1"));
    let request = rig.client.get(rig.url("/who")).header("cookie", "lab_replica=r1");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["x-served-by"], "r2");
    assert_eq!(reply.headers()["set-cookie"].as_bytes()[..14], *b"lab_replica=r2");
}

#[tokio::test]
async fn a_new_address_takes_effect_and_has_to_prove_itself() {
    let (old, new) = (Replica::start("old").await, Replica::start("new").await);
    let rig = Rig::start(&[], &[("r1", old.address)]).await;
    assert_eq!(rig.who().await, "old");
    let put = rig.balancer.put_backend("r1", new.address);
    assert_eq!((put.state, put.address), (BackendState::Starting, new.address));
    rig.until("r1", BackendState::Up).await;
    assert_eq!(rig.who().await, "new");
    assert_eq!(rig.status("r1").served, 2, "the count belongs to the id");
    assert_eq!(old.seen().len(), 1);
}
