//! Heads at the limits. The balancer adds fields to a head, and a replica has to take what the
//! balancer has accepted.

use crate::any_balancer::in_time;
use crate::fixture::TestBalancer;
use crate::replica::Replica;
use crate::wire::Wire;
use http_edge::head_limits::HeadLimits;

const LINE: &str = "GET /name HTTP/1.1\r\nHost: x\r\n";

/// A head with this number of fields.
fn with_fields(fields: usize) -> String {
    format!("{LINE}{}\r\n", "X-Many: 1\r\n".repeat(fields - 1))
}

/// A head of this many bytes.
fn with_bytes(bytes: usize) -> String {
    let around = LINE.len() + "X-Long: \r\n\r\n".len();
    format!("{LINE}X-Long: {}\r\n\r\n", "x".repeat(bytes - around))
}

#[tokio::test]
async fn replica_takes_every_head_that_balancer_accepts() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let HeadLimits { bytes, fields } = HeadLimits::PROXY;
    for (name, head) in [
        ("most fields", with_fields(fields)),
        ("fewer fields", with_fields(fields - 3)),
        ("65,000 bytes", with_bytes(65_000)),
        ("almost all bytes", with_bytes(bytes - 16)),
    ] {
        let mut client = Wire::connect(balancer.address).await;
        client.send(head.as_bytes()).await;
        assert!(in_time(client.read_head()).await, "{name}");
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK", "{name}");
        assert_eq!(client.header("x-served-by"), Some("r1"), "{name}");
    }
    assert_eq!(replica.received().len(), 4);
}

#[tokio::test]
async fn head_beyond_limits_gets_431_and_reaches_no_replica() {
    let replica = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", replica.address)]).await;
    let HeadLimits { bytes, fields } = HeadLimits::PROXY;
    for head in [with_fields(fields + 1), with_bytes(bytes + 1)] {
        let mut client = Wire::connect(balancer.address).await;
        client.send(head.as_bytes()).await;
        assert!(in_time(client.read_head()).await);
        assert!(client.first_line().starts_with("HTTP/1.1 431 "), "{}", client.head);
        assert!(client.is_closed().await);
    }
    assert!(replica.received().is_empty());
}
