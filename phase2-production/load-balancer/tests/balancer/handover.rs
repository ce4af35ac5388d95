//! A listening socket that the balancer inherits: while one balancer stops and the next
//! starts, no connection is refused.

use crate::fixture::TIMEOUT;
use crate::program::Program;
use crate::replica::Replica;
use crate::wire::Wire;
use load_balancer::status::BackendState;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

/// Moves the listener from standard input to descriptor 7.
const AT_7: &str = "exec 7<&0 0</dev/null";

fn inherited(listener: &TcpListener) -> Stdio {
    Stdio::from(OwnedFd::from(listener.try_clone().unwrap()))
}

async fn start(listener: &TcpListener, replica: &Replica) -> Program {
    let backend = format!("r1={}", replica.address);
    let flags = ["--listen-fd", "7", "--backend", &backend];
    let flags = [&flags[..], &["--check-interval-ms", "10"]].concat();
    let program = Program::start(AT_7, inherited(listener), &flags).await;
    assert_eq!(program.address, listener.local_addr().unwrap());
    program.until(|status| status.backend("r1").unwrap().state == BackendState::Up).await;
    program
}

#[tokio::test]
async fn client_waits_in_backlog_while_balancer_is_replaced() {
    let replica = Replica::start("r1").await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let old = start(&listener, &replica).await;
    let mut half = Wire::connect(address).await;
    half.send(b"GET /half HTTP/1.1\r\n").await;
    let mut upload = Wire::connect(address).await;
    upload.send_head(&["POST /slow HTTP/1.1", "Host: x", "Content-Length: 5"]).await;
    old.until(|status| status.backend("r1").unwrap().in_flight == 1).await;

    old.terminate();
    assert!(half.is_closed().await, "an unfinished head is no request");
    let mut waiting = Wire::connect(address).await;
    waiting.send_head(&["GET /name HTTP/1.1", "Host: x"]).await;
    let _new = start(&listener, &replica).await;
    assert!(tokio::time::timeout(TIMEOUT, waiting.read_head()).await.unwrap());
    assert_eq!(waiting.first_line(), "HTTP/1.1 200 OK");
    upload.send(b"hello").await;
    assert!(upload.read_head().await);
    assert_eq!(upload.read_body().await, b"hello");
    assert!(old.ended().await.success());
}

#[tokio::test]
async fn killed_balancer_leaves_port_open() {
    let replica = Replica::start("r1").await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(start(&listener, &replica).await);
    let mut waiting = Wire::connect(listener.local_addr().unwrap()).await;
    waiting.send_head(&["GET /name HTTP/1.1", "Host: x"]).await;
    let _new = start(&listener, &replica).await;
    assert!(tokio::time::timeout(TIMEOUT, waiting.read_head()).await.unwrap());
    assert_eq!(waiting.first_line(), "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn unusable_descriptor_is_refused_at_start() {
    for descriptor in ["0", "99"] {
        let flags = ["--listen-fd", descriptor];
        let (code, text) = Program::fail(Stdio::null(), &flags).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(&format!("--listen-fd {descriptor}")), "{text}");
    }
    let remote = TcpListener::bind("0.0.0.0:0").unwrap();
    let (code, text) = Program::fail(inherited(&remote), &["--listen-fd", "0"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--insecure-remote"), "{text}");
}
