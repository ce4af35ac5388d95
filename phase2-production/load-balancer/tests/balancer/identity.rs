//! The headers that the balancer sets (client address, request id) and removes (hop-by-hop).

use crate::any_balancer::{AnyBalancer, Kind, ROUND_ROBIN};
use crate::fixture::TestBalancer;
use crate::replica::Replica;
use crate::wire::Wire;

either!(
    forwarded_headers_of_client_are_replaced,
    request_id_is_kept_or_generated_on_both_connections,
);

async fn forwarded_headers_of_client_are_replaced(kind: Kind) {
    let replica = Replica::start("r1").await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let request = balancer.client.get(balancer.url("/a?b=c"));
    let request = request
        .header("x-forwarded-for", "6.6.6.6")
        .header("X-Forwarded-For", "7.7.7.7")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=6.6.6.6")
        .header("host", "lab.example");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let received = replica.only_received();
    let all = |name| received.headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(all("x-forwarded-proto"), ["http"]);
    assert_eq!(all("x-forwarded-host"), ["lab.example"]);
    assert_eq!(all("host"), ["lab.example"]);
    assert!(all("forwarded").is_empty());
    assert_eq!(received.target, "/a?b=c");
}

#[tokio::test]
async fn hop_by_hop_headers_are_removed_in_both_directions() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
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
    let headers = replica.only_received().headers;
    assert_eq!(headers["x-for-the-replica"], "end");
    for gone in ["connection", "x-for-the-balancer", "keep-alive", "te", "upgrade"] {
        assert!(!headers.contains_key(gone), "{gone}");
    }
    assert!(!headers.contains_key("proxy-authorization"));
}

async fn request_id_is_kept_or_generated_on_both_connections(kind: Kind) {
    let replica = Replica::start("r1").await;
    let balancer =
        AnyBalancer::start(kind, ROUND_ROBIN, &[("r1", replica.address)]).await;
    let request =
        balancer.client.get(balancer.url("/")).header("x-request-id", "class-7.demo");
    let reply = request.send().await.unwrap();
    assert_eq!(reply.headers()["x-request-id"], "class-7.demo");

    let wrong = ("x-request-id", "not well formed");
    let request = balancer.client.get(balancer.url("/")).header(wrong.0, wrong.1);
    let reply = request.send().await.unwrap();
    let generated = &reply.headers()["x-request-id"];
    let received = replica.received();
    assert_eq!(received[0].headers["x-request-id"], "class-7.demo");
    assert_eq!(received[1].headers["x-request-id"], generated);
    assert_ne!(generated, "not well formed");
}
