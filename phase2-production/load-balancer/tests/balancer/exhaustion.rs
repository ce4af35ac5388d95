//! The balancer without free descriptors or connections: no finding about a backend, and a
//! problem of its own for the clients that are refused.

use crate::fixture::{TIMEOUT, TestBalancer, until};
use crate::program::Program;
use crate::replica::Replica;
use crate::wire::Wire;
use load_balancer::status::BackendState;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::TcpStream;

const SMALL_LIMIT: &str = "ulimit -n 64";

/// A program with 64 descriptors and three replicas, all up.
async fn with_64_descriptors(flags: &[&str]) -> (Program, [Replica; 3]) {
    let replicas = [
        Replica::start("r1").await,
        Replica::start("r2").await,
        Replica::start("r3").await,
    ];
    let mut all = vec!["--check-interval-ms".to_owned(), "20".to_owned()];
    for (index, replica) in replicas.iter().enumerate() {
        all.push("--backend".to_owned());
        all.push(format!("r{}={}", index + 1, replica.address));
    }
    let mut all: Vec<_> = all.iter().map(String::as_str).collect();
    all.extend(flags);
    let program = Program::start(SMALL_LIMIT, Stdio::null(), &all).await;
    program.until(all_up).await;
    (program, replicas)
}

fn all_up(status: &load_balancer::status::Status) -> bool {
    status.backends.iter().all(|backend| backend.state == BackendState::Up)
}

/// Sends a request on an open connection and returns the status line.
async fn ask(client: &mut Wire) -> String {
    client.send_head(&["GET /name HTTP/1.1", "Host: x"]).await;
    let answered = tokio::time::timeout(TIMEOUT, client.read_head()).await.unwrap();
    if !answered {
        return "closed".to_owned();
    }
    let line = client.first_line().to_owned();
    client.read_body().await;
    line
}

#[tokio::test]
async fn idle_clients_beyond_descriptor_limit_eject_no_backend() {
    for head in ["", "GET /half HTTP/1.1\r\n"] {
        let (program, _replicas) = with_64_descriptors(&[]).await;
        let mut client = Wire::connect(program.address).await;
        assert_eq!(ask(&mut client).await, "HTTP/1.1 200 OK");
        let mut idle = Vec::new();
        for _ in 0..70 {
            let mut one = Wire::connect(program.address).await;
            one.send(head.as_bytes()).await;
            idle.push(one);
        }
        for _ in 0..20 {
            assert_eq!(ask(&mut client).await, "HTTP/1.1 200 OK", "{}", program.log());
            assert!(all_up(&program.status().await), "{}", program.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!program.log().contains("ejected"), "{}", program.log());
        drop(idle);
        let served = async {
            let mut late = Wire::connect(program.address).await;
            while ask(&mut late).await != "HTTP/1.1 200 OK" {
                late = Wire::connect(program.address).await;
            }
        };
        tokio::time::timeout(TIMEOUT, served).await.unwrap();
    }
}

#[tokio::test]
async fn health_checks_run_beside_full_load_of_clients() {
    let (program, [one, ..]) = with_64_descriptors(&[]).await;
    let mut idle = Vec::new();
    for _ in 0..70 {
        idle.push(TcpStream::connect(program.address).await.unwrap());
    }
    one.answer_readyz_with(503);
    let is_draining = |status: &load_balancer::status::Status| {
        status.backend("r1").unwrap().state == BackendState::Draining
    };
    program.until(is_draining).await;
}

#[tokio::test]
async fn soft_descriptor_limit_is_raised_to_hard_limit() {
    let setup = "ulimit -Sn 64; ulimit -Hn 512";
    let program = Program::start(setup, Stdio::null(), &[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id()));
    let limits = limits.unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = line.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["512", "512"]);
}

#[tokio::test]
async fn more_connections_than_descriptors_are_refused_at_start() {
    let replica = Replica::start("r1").await;
    let backend = format!("r1={}", replica.address);
    let setup = "ulimit -n 100";
    let flags = ["--backend", &backend, "--max-connections", "34"];
    Program::start(setup, Stdio::null(), &flags).await;
    let (code, text) =
        Program::fail(Stdio::null(), &["--max-connections", "999999999"]).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("--max-connections") && text.contains("ulimit -n"), "{text}");
}

#[tokio::test]
async fn client_beyond_max_connections_gets_503_with_own_problem() {
    let replica = Replica::start("r1").await;
    let backends = [("r1", replica.address)];
    let balancer = TestBalancer::start(&["--max-connections", "2"], &backends).await;
    let mut first = Wire::connect(balancer.address).await;
    let mut second = Wire::connect(balancer.address).await;
    for client in [&mut first, &mut second] {
        assert_eq!(ask(client).await, "HTTP/1.1 200 OK");
    }
    let mut third = Wire::connect(balancer.address).await;
    third.send_head(&["POST /name HTTP/1.1", "Host: x", "Content-Length: 3"]).await;
    third.send(b"abc").await;
    assert!(third.read_head().await);
    assert_eq!(third.first_line(), "HTTP/1.1 503 Service Unavailable");
    assert_eq!(third.header("retry-after"), Some("1"));
    assert_eq!(third.header("content-type"), Some("application/problem+json"));
    let problem = String::from_utf8(third.read_body().await).unwrap();
    assert!(problem.contains("/problems/balancer-overloaded"), "{problem}");
    assert!(third.is_closed().await);
    assert_eq!(ask(&mut first).await, "HTTP/1.1 200 OK");
    assert_eq!(replica.received().len(), 3);
    drop(second);
    let mut late = Wire::connect(balancer.address).await;
    let freed = async {
        while ask(&mut late).await != "HTTP/1.1 200 OK" {
            late = Wire::connect(balancer.address).await;
        }
    };
    tokio::time::timeout(TIMEOUT, freed).await.unwrap();
}

/// Idle connections to one backend must not keep requests from another.
#[tokio::test]
async fn idle_backend_connections_give_way_to_new_ones() {
    let (one, two) = (Replica::start("r1").await, Replica::start("r2").await);
    let backends = [("r1", one.address), ("r2", two.address)];
    let flags = ["--max-connections", "1", "--policy", "sticky"];
    let balancer = TestBalancer::start(&flags, &backends).await;
    let mut client = Wire::connect(balancer.address).await;
    for id in ["r1", "r2", "r1", "r2"] {
        let cookie = format!("Cookie: lab_replica={id}");
        client.send_head(&["GET /name HTTP/1.1", "Host: x", &cookie]).await;
        assert!(client.read_head().await);
        assert_eq!(client.first_line(), "HTTP/1.1 200 OK", "{id}");
        assert_eq!(client.header("x-served-by"), Some(id));
        until("the request is over", || balancer.status(id).in_flight == 0).await;
    }
}
