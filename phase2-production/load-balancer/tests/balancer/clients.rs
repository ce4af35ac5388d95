//! Slow clients and clients that disconnect. None of it counts as a failure of the backend.

use crate::fixture::{TIMEOUT, TestBalancer, until};
use crate::program::Program;
use crate::replica::Replica;
use crate::scripted::Scripted;
use crate::wire::Wire;
use load_balancer::status::BackendState;
use std::process::Stdio;
use std::time::Duration;

#[tokio::test]
async fn slow_client_does_not_use_up_head_timeout() {
    let backend = Replica::start("r1").await;
    let balancer =
        TestBalancer::start(&["--head-timeout-ms", "200"], &[("r1", backend.address)])
            .await;
    let mut client = Wire::connect(balancer.address).await;
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
async fn client_still_sending_can_read_502_of_lost_backend() {
    let backend = Scripted::start(|wire, _| async move { drop(wire) }).await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let length = 16 * 1024 * 1024;
    let declared = format!("Content-Length: {length}");
    client.send_head(&["PUT /big HTTP/1.1", "Host: x", &declared]).await;
    client.send(&vec![b'x'; length]).await;
    assert!(client.read_head().await, "the response was lost");
    assert_eq!(client.first_line(), "HTTP/1.1 502 Bad Gateway");
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn disconnect_of_client_cancels_its_request() {
    let backend = Scripted::start(|mut wire, counter| async move {
        // Ends when the balancer closes the connection.
        assert!(!counter.read_head(&mut wire).await);
    })
    .await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    client.send_head(&["GET /never HTTP/1.1", "Host: x"]).await;
    until("the request has arrived", || balancer.status("r1").in_flight == 1).await;
    drop(client);
    until("the request is over", || balancer.status("r1").in_flight == 0).await;
    assert_eq!(balancer.status("r1").failures, 0);
}

#[tokio::test]
async fn malformed_body_does_not_count_as_backend_failure() {
    let backend = Replica::start("r1").await;
    let balancer = TestBalancer::start(&[], &[("r1", backend.address)]).await;
    let mut client = Wire::connect(balancer.address).await;
    let head = ["POST /bad HTTP/1.1", "Host: x", "Transfer-Encoding: chunked"];
    client.send_head(&head).await;
    client.send(b"5\r\nhello\r\nnot a size\r\n").await;
    let answered = tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap();
    assert!(answered);
    assert_eq!(client.first_line(), "HTTP/1.1 400 Bad Request");
    assert_eq!(balancer.status("r1").failures, 0);
    assert!(backend.received().is_empty());
}

#[tokio::test]
async fn client_that_leaves_before_response_leaves_log_line() {
    let backend = Scripted::start(|mut wire, _| async move {
        let _closed = wire.read_head().await;
    })
    .await;
    let flag = format!("r1={}", backend.address);
    let flags = ["--backend", &flag, "--check-interval-ms", "10"];
    let program = Program::start(":", Stdio::null(), &flags).await;
    program.until(|status| status.backend("r1").unwrap().state == BackendState::Up).await;
    let mut client = Wire::connect(program.address).await;
    client
        .send_head(&["GET /left?secret=1 HTTP/1.1", "Host: x", "X-Request-ID: left-1234"])
        .await;
    program.until(|status| status.backend("r1").unwrap().in_flight == 1).await;
    drop(client);
    program.until(|status| status.backend("r1").unwrap().in_flight == 0).await;
    let line = tokio::time::timeout(TIMEOUT, async {
        loop {
            let log = program.log();
            if let Some(line) = log.lines().find(|line| line.contains("left-1234")) {
                return line.to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    let line = line.await.unwrap();
    for part in ["client disconnected", "/left", "r1"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("secret"), "{line}");
}
