//! Whatever way a cluster ends, nothing of it is left. (That a launcher killed with
//! SIGKILL leaves nothing either is tested where the launcher is a process: `lab`.)

use crate::support::{member, pids, program, start, topology, until, until_gone};
use cluster::orders::Order;
use cluster::{Cluster, RunDir, ServerKind, Users};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn an_orderly_end_leaves_no_process_and_no_folder() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    assert_eq!(pids.len(), 3);
    cluster.down().await;
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn an_orderly_end_lets_nobody_in_and_finishes_what_is_under_way() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let address = cluster.url().replace("http://", "");
    let mut client = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"username": "alice", "password": "correct-horse"}"#;
    let head = format!(
        "POST /api/token HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.split_at(10);
    client.write_all(format!("{head}{first}").as_bytes()).await.unwrap();
    let under_way = |status: &_| {
        let in_flight = |id| member(status, id).balancer.map_or(0, |one| one.in_flight);
        in_flight("r1") + in_flight("r2") > 0
    };
    until(&cluster, "the request is under way", under_way).await;
    tokio::join!(cluster.down(), async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        client.write_all(rest.as_bytes()).await.unwrap();
        let mut reply = String::new();
        client.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    });
}

#[tokio::test]
async fn a_cluster_that_is_dropped_takes_even_its_paused_replicas_with_it() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    cluster.order("r1", Order::Pause).await.unwrap();
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn data_in_a_folder_that_was_given_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.data_dir = Some(data.path().to_owned());
    topology.users = Users::Fresh;
    let first = Cluster::start(topology.clone()).await.unwrap();
    assert_eq!(first.fresh_accounts().len(), 3);
    first.down().await;
    drop(first);
    assert!(data.path().join("files").exists());

    let second = Cluster::start(topology).await.unwrap();
    assert!(second.fresh_accounts().is_empty(), "the accounts are those of before");
    second.down().await;
}

#[tokio::test]
async fn a_start_that_fails_has_cleaned_up_when_it_says_so() {
    let folder = RunDir::create(&program()).unwrap();
    let path = folder.path().to_owned();
    let mut topology = topology(ServerKind::Stateful, 2);
    topology.users = Users::File("/nonexistent/users.json".into());
    let started = Cluster::start_in(folder, topology).await;
    assert!(started.is_err());
    assert!(!path.exists(), "{}", path.display());
}

#[test]
fn a_launcher_that_is_being_born_is_not_swept_away_by_another() {
    let born = || RunDir::create(&program()).unwrap();
    let launchers: Vec<RunDir> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| [born(), born()])).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for launcher in &launchers {
        assert!(launcher.path().join("owner.lock").exists());
    }
}

/// A folder where the launchers' are, made by nobody who lives.
fn orphan(start: &str) -> PathBuf {
    let launcher = RunDir::create(&program()).expect("a folder");
    let base = launcher.path().parent().expect("a base folder");
    let path = base.join(format!("{start}{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&path).expect("a folder");
    path
}

#[test]
fn what_was_left_behind_is_removed_by_the_next_launcher() {
    let unmarked = orphan("run-");
    let free = orphan("run-");
    // Another test's launcher may already have come by.
    let _mark = File::create(free.join("owner.lock"));
    let given_up = orphan(".new-");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(&given_up).unwrap().set_modified(long_ago).unwrap();
    let in_the_making = orphan(".new-");
    drop(RunDir::create(&program()).unwrap());
    assert!(!unmarked.exists() && !free.exists() && !given_up.exists());
    assert!(in_the_making.exists(), "it may be a launcher that is being born");
    fs::remove_dir(in_the_making).unwrap();
}

#[test]
fn the_reaper_removes_nothing_but_a_launchers_folder() {
    let precious = tempfile::tempdir().unwrap();
    let program = program();
    let mut reaper = Command::new(program.path);
    reaper.args(["reaper", "--dir"]).arg(precious.path()).stdin(Stdio::null());
    let refused = reaper.output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("is not a launcher's folder"), "{text}");
    assert!(precious.path().exists());
}
