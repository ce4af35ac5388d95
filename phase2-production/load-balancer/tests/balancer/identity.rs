//! What a message gains and loses on its way: who asked, which request it is, and
//! nothing that was meant for one hop.

use crate::front::{Front, Kind, ROUND_ROBIN};
use crate::replica::Replica;
use crate::rig::Rig;
use crate::wire::Wire;

either!(
    what_a_client_says_of_its_own_address_is_replaced,
    a_request_keeps_its_id_on_both_legs_and_gets_one_if_it_has_none,
);

async fn what_a_client_says_of_its_own_address_is_replaced(kind: Kind) {
    let replica = Replica::start("r1").await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let request = front.client.get(front.url("/a?b=c"));
    let request = request
        .header("x-forwarded-for", "6.6.6.6")
        .header("X-Forwarded-For", "7.7.7.7")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=6.6.6.6")
        .header("host", "lab.example");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = replica.only_seen();
    let all = |name| seen.headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all("x-forwarded-proto"), ["http"]);
    assert_eq!(all("x-forwarded-host"), ["lab.example"]);
    assert_eq!(all("host"), ["lab.example"]);
    assert!(all("forwarded").is_empty());
    assert_eq!(seen.target, "/a?b=c");
}

#[tokio::test]
async fn headers_for_one_hop_go_no_further_in_either_direction() {
    let replica = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", replica.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    client
        .send_head(&[
            "GET / HTTP/1.1",
            "Host: x",
            "Connection: keep-alive, X-For-The-Balancer",
            "X-For-The-Balancer: hop",
            "Keep-Alive: timeout=9",
            "Proxy-Authorization: Basic eDp5",
            "TE: trailers",
            "Upgrade: h2c",
            "X-For-The-Replica: end",
        ])
        .await;
    assert!(client.read_head().await);
    assert_eq!(client.header("x-for-the-client"), Some("end"));
    assert_eq!(client.header("x-for-the-balancer"), None);
    assert_eq!(client.header("keep-alive"), None);
    let headers = replica.only_seen().headers;
    assert_eq!(headers["x-for-the-replica"], "end");
    for gone in ["connection", "x-for-the-balancer", "keep-alive", "te", "upgrade"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert!(!headers.contains_key("proxy-authorization"));
}

async fn a_request_keeps_its_id_on_both_legs_and_gets_one_if_it_has_none(kind: Kind) {
    let replica = Replica::start("r1").await;
    let front = Front::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let request = front.client.get(front.url("/")).header("x-request-id", "class-7.demo");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["x-request-id"], "class-7.demo");

    let wrong = ("x-request-id", "not well formed");
    let request = front.client.get(front.url("/")).header(wrong.0, wrong.1);
    let reply = request.send().await.unwrap();
    let made = &reply.headers()["x-request-id"];
    let seen = replica.seen();
    assert_eq!(seen[0].headers["x-request-id"], "class-7.demo");
    assert_eq!(seen[1].headers["x-request-id"], made);
    assert_ne!(made, "not well formed");
}
