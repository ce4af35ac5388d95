//! Who is picked: each in turn, or the one that the cookie names.

use crate::replica::Replica;
use crate::rig::Rig;
use load_balancer::status::BackendState;
use std::collections::HashMap;

const STICKY: [&str; 2] = ["--policy", "sticky"];

/// What a sticky client gets back: who answered, and the cookie if there is a new one.
async fn visit(rig: &Rig, cookie: Option<&str>) -> (String, Option<String>) {
    let mut request = rig.client.get(rig.url("/who"));
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), 200);
    let text = |name| reply.headers().get(name).map(|value| value.to_str().unwrap());
    (text("x-served-by").unwrap().to_owned(), text("set-cookie").map(str::to_owned))
}

fn cookie_for(id: &str) -> Option<String> {
    Some(format!("lab_replica={id}; Path=/; HttpOnly; SameSite=Lax"))
}

#[tokio::test]
async fn round_robin_gives_every_replica_the_same_share_and_sets_no_cookie() {
    let replicas = [
        Replica::start("r1").await,
        Replica::start("r2").await,
        Replica::start("r3").await,
    ];
    let [one, two, three] = replicas.each_ref().map(|replica| replica.address);
    let rig = Rig::start(&[], &[("r1", one), ("r2", two), ("r3", three)]).await;
    let mut share = HashMap::new();
    for _ in 0..30 {
        let (who, cookie) = visit(&rig, Some("lab_replica=r1")).await;
        assert_eq!(cookie, None);
        *share.entry(who).or_insert(0) += 1;
    }
    let even = ["r1", "r2", "r3"].map(|id| (id.to_owned(), 10));
    assert_eq!(share, HashMap::from(even));
    assert_eq!(rig.status("r2").served, 10);
}

#[tokio::test]
async fn a_sticky_client_comes_back_to_its_replica_which_does_not_see_the_cookie() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let rig = Rig::start(&STICKY, &[("r1", one.address), ("r2", two.address)]).await;
    let (first, cookie) = visit(&rig, None).await;
    assert_eq!(cookie, cookie_for(&first));
    let pair = format!("own=1; lab_replica={first}");
    for _ in 0..5 {
        assert_eq!(visit(&rig, Some(&pair)).await, (first.clone(), None));
    }
    let served = if first == "r1" { &one } else { &two };
    let seen = served.seen();
    assert_eq!(seen.len(), 6);
    assert_eq!(seen[5].headers["cookie"], "own=1");
}

#[tokio::test]
async fn a_sticky_client_whose_replica_is_gone_goes_elsewhere_and_gets_a_new_cookie() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let rig = Rig::start(&STICKY, &[("r1", one.address), ("r2", two.address)]).await;
    one.die().await;
    let expected = ("r2".to_owned(), cookie_for("r2"));
    assert_eq!(visit(&rig, Some("lab_replica=r1")).await, expected);
    rig.until("r1", BackendState::Down).await;
    assert_eq!(visit(&rig, Some("lab_replica=r1")).await, expected);
    assert_eq!(visit(&rig, Some("lab_replica=made-up")).await, expected);
}

#[tokio::test]
async fn a_backend_drained_by_order_keeps_its_clients_until_it_is_gone() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let rig = Rig::start(&STICKY, &[("r1", one.address), ("r2", two.address)]).await;
    rig.balancer.drain_backend("r1").unwrap();
    assert_eq!(rig.status("r1").state, BackendState::Draining);
    for _ in 0..4 {
        assert_eq!(visit(&rig, None).await.0, "r2");
        assert_eq!(visit(&rig, Some("lab_replica=r1")).await, ("r1".to_owned(), None));
    }
    assert!(rig.balancer.remove_backend("r1"));
    let (who, cookie) = visit(&rig, Some("lab_replica=r1")).await;
    assert_eq!((who.as_str(), cookie), ("r2", cookie_for("r2")));
}

#[tokio::test]
async fn a_backend_that_says_not_ready_itself_loses_even_its_own_clients() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let rig = Rig::start(&STICKY, &[("r1", one.address), ("r2", two.address)]).await;
    one.answer_readyz_with(503);
    rig.until("r1", BackendState::Draining).await;
    let (who, cookie) = visit(&rig, Some("lab_replica=r1")).await;
    assert_eq!((who.as_str(), cookie), ("r2", cookie_for("r2")));
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
