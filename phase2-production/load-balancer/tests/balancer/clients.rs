//! Clients that are slow, go away or break off: none of it is the backend's fault.

use crate::replica::Replica;
use crate::rig::{PATIENCE, Rig, until};
use crate::scripted::Scripted;
use crate::wire::Wire;
use std::time::Duration;

#[tokio::test]
async fn the_time_that_a_slow_client_takes_is_not_the_backends() {
    let backend = Replica::start("r1").await;
    let rig = Rig::start(&["--head-timeout-ms", "200"], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    client.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 8"]).await;
    for byte in b"patience" {
        tokio::time::sleep(Duration::from_millis(60)).await;
        client.send(&[*byte]).await;
    }
    assert!(client.read_head().await);
    assert_eq!(client.first_line(), "HTTP/1.1 200 OK");
    assert_eq!(client.read_body().await, b"patience");
}

#[tokio::test]
async fn a_client_still_sending_when_the_backend_breaks_off_can_read_the_502() {
    let backend = Scripted::start(|wire, _| async move { drop(wire) }).await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    let length = 16 * 1024 * 1024;
    let declared = format!("Content-Length: {length}");
    client.send_head(&["PUT /big HTTP/1.1", "Host: x", &declared]).await;
    client.send(&vec![b'x'; length]).await;
    assert!(client.read_head().await, "the answer was lost");
    assert_eq!(client.first_line(), "HTTP/1.1 502 Bad Gateway");
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_request_with_it() {
    let backend = Scripted::start(|mut wire, counter| async move {
        // Ends when the balancer closes, which is what is to be seen.
        assert!(!counter.read_head(&mut wire).await);
    })
    .await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    client.send_head(&["GET /never HTTP/1.1", "Host: x"]).await;
    until("the request has arrived", || rig.status("r1").in_flight == 1).await;
    drop(client);
    until("the request is over", || rig.status("r1").in_flight == 0).await;
    assert_eq!(rig.status("r1").failures, 0);
}

#[tokio::test]
async fn a_client_that_breaks_off_in_its_body_is_not_held_against_the_backend() {
    let backend = Replica::start("r1").await;
    let rig = Rig::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(rig.address).await;
    let head = ["POST /bad HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"];
    client.send_head(&head).await;
    client.send(b"5\r\nhello\r\nnot a size\r\n").await;
    let answered = tokio::time::timeout(PATIENCE, client.read_head()).await.unwrap();
    assert!(answered);
    assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
    assert_eq!(rig.status("r1").failures, 0);
    assert!(backend.seen().is_empty());
}
