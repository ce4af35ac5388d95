//! The public port belongs to the launcher: it stays open while the balancer restarts or is
//! dead, and clients wait instead of being refused.

use crate::support::{is_alive, member, start, topology, until};
use launcher::commands::MemberAction;
use launcher::status::ClusterStatus;
use launcher::{Cluster, ServerKind, Tls};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest time that a new client may wait during a restart.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

fn address(cluster: &Cluster) -> String {
    cluster.url().trim_start_matches("http://").to_owned()
}

/// Sends one request over a new connection, and returns the status line.
async fn request(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head =
        format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply.lines().next().unwrap_or_default().to_owned())
}

/// What an earlier client has sent when the balancer is restarted: the begin of a request that
/// it does not finish.
fn unfinished(address: &str) -> [(&'static str, String); 3] {
    let post = format!(
        "POST /api/token HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"
    );
    [
        ("nothing", String::new()),
        ("half a head", format!("GET /livez HTTP/1.1\r\nHost: {address}\r\n")),
        ("half a body", post),
    ]
}

#[tokio::test]
async fn restart_of_the_balancer_refuses_no_client() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let address = address(&cluster);
    for (what, sent) in unfinished(&address) {
        let mut earlier = TcpStream::connect(&address).await.unwrap();
        earlier.write_all(sent.as_bytes()).await.unwrap();
        assert_eq!(request(&address).await.unwrap(), "HTTP/1.1 200 OK");
        let restart = cluster.execute("lb", MemberAction::Restart);
        tokio::pin!(restart);
        let mut requests = 0;
        loop {
            let began = Instant::now();
            let answered = async {
                let answer = request(&address).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                answer
            };
            tokio::select! {
                restarted = &mut restart => {
                    restarted.unwrap();
                    break;
                }
                answer = answered => {
                    let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(answer, "HTTP/1.1 200 OK", "{what}");
                    assert!(began.elapsed() < WAIT_LIMIT, "{what}: {:?}", began.elapsed());
                    requests += 1;
                }
            }
        }
        assert!(requests > 0, "{what}: the restart was too short to be observed");
        drop(earlier);
    }
    cluster.down().await;
}

/// A request that a replica has begun to read. Its body is not finished.
async fn open_upload(cluster: &Cluster) -> TcpStream {
    let address = address(cluster);
    let mut upload = TcpStream::connect(&address).await.expect("the balancer listens");
    let [.., (_half_a_body, sent)] = unfinished(&address);
    upload.write_all(sent.as_bytes()).await.expect("the balancer reads");
    let in_flight = |status: &ClusterStatus| {
        let of = |id| member(status, id).balancer.map_or(0, |seen| seen.in_flight);
        of("r1") + of("r2") > 0
    };
    until(cluster, "the upload is in flight", in_flight).await;
    upload
}

/// The old balancer drains for as long as the upload is open. The supervisor must not wait for
/// its end before it restarts the new one.
#[tokio::test]
async fn new_balancer_that_dies_during_a_drain_is_restarted() {
    let mut topology = topology(ServerKind::Stateless, 2);
    topology.supervise = true;
    let cluster = Cluster::start(topology).await.unwrap();
    let address = address(&cluster);
    let upload = open_upload(&cluster).await;
    let old = member(&cluster.status().await, "lb").pid.unwrap();
    let restart = cluster.execute("lb", MemberAction::Restart);
    tokio::pin!(restart);
    let replaced =
        |status: &ClusterStatus| member(status, "lb").pid.is_some_and(|pid| pid != old);
    let status = tokio::select! {
        restarted = &mut restart => panic!("the drain was too short: {restarted:?}"),
        status = until(&cluster, "the new balancer runs", replaced) => status,
    };
    let new = member(&status, "lb").pid.unwrap();
    kill(Pid::from_raw(new), Signal::SIGKILL).unwrap();
    while is_alive(new) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = tokio::select! {
        restarted = &mut restart => panic!("served too late: {restarted:?}"),
        answer = request(&address) => answer.unwrap(),
    };
    assert_eq!(answer, "HTTP/1.1 200 OK");
    assert!(is_alive(old), "no balancer was started before the drain had ended");
    drop(upload);
    restart.await.unwrap();
    cluster.down().await;
}

#[tokio::test]
async fn clients_of_a_killed_balancer_wait_and_are_served() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let address = address(&cluster);
    cluster.execute("lb", MemberAction::Kill).await.unwrap();
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { request(&address).await })
        })
        .collect();
    let all_wait = Instant::now() + Duration::from_millis(300);
    while Instant::now() < all_wait {
        let refused = waiting.iter().any(|one| one.is_finished());
        assert!(!refused, "a client got an answer, or was refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cluster.execute("lb", MemberAction::Restart).await.unwrap();
    for one in waiting {
        assert_eq!(one.await.unwrap().unwrap(), "HTTP/1.1 200 OK");
    }
    cluster.down().await;
    TcpStream::connect(&address).await.expect_err("the port is closed at the end");
}

/// Only the balancer and the launcher have the socket: a replica that outlived them would keep
/// the port.
#[tokio::test]
async fn public_socket_is_inherited_by_the_balancer_only() {
    let cluster = start(ServerKind::Stateless, 2).await;
    cluster.add().await.unwrap();
    cluster.execute("lb", MemberAction::Restart).await.unwrap();
    let status = cluster.status().await;
    let port: u16 = address(&cluster).rsplit(':').next().unwrap().parse().unwrap();
    let inode = listening_inode(port);
    for member in &status.members {
        let pid = member.pid.unwrap();
        let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let has_it = fds.into_iter().any(|fd| {
            std::fs::read_link(fd.path())
                .is_ok_and(|link| link.to_string_lossy() == format!("socket:[{inode}]"))
        });
        assert_eq!(has_it, member.id == "lb", "{}", member.id);
    }
    cluster.down().await;
}

/// The inode of the socket that listens on a port of 127.0.0.1, from the table of the kernel
/// (proc(5)).
fn listening_inode(port: u16) -> String {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a Linux system");
    let local = format!("0100007F:{port:04X}");
    let listens = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(1) == Some(&local.as_str()) && fields.get(3) == Some(&"0A")
    };
    let line = table.lines().find(listens).expect("a listening socket");
    line.split_whitespace().nth(9).expect("an inode").to_owned()
}

/// A renewal that is half done: the new balancer cannot read its certificate.
#[tokio::test]
async fn failed_restart_leaves_the_balancer_that_works() {
    let folder = tempfile::tempdir().unwrap();
    let certificate =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| folder.path().join(name));
    std::fs::write(&chain, certificate.cert.pem()).unwrap();
    std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
    let mut topology = topology(ServerKind::Stateless, 1);
    topology.tls = Some(Tls::Given { chain: chain.clone(), key });
    let cluster = Cluster::start(topology).await.unwrap();
    let before = member(&cluster.status().await, "lb").pid;
    std::fs::write(&chain, "no certificate").unwrap();
    let refused = cluster.execute("lb", MemberAction::Restart).await.unwrap_err();
    assert!(format!("{refused:#}").contains("lb cannot be started"), "{refused:#}");
    let after = cluster.status().await;
    assert_eq!(member(&after, "lb").pid, before);
    assert!(is_alive(before.unwrap()));
    cluster.down().await;
}
