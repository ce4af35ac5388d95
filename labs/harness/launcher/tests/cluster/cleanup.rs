//! Cleanup: a cluster leaves no process and no file, no matter how it ends. (The test for
//! SIGKILL of the launcher itself is in `lab`, where the launcher is a process.)

use crate::support::{member, pids, start, topology, until, until_gone};
use launcher::commands::MemberAction;
use launcher::{Cluster, RunDir, ServerKind, Users};
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn orderly_stop_leaves_no_process_and_no_folder() {
    let cluster = start(ServerKind::Stateful, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    assert_eq!(pids.len(), 3);
    cluster.down().await;
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn orderly_stop_finishes_open_requests_and_accepts_no_more() {
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
    let in_progress = |status: &_| {
        let in_flight = |id| member(status, id).balancer.map_or(0, |one| one.in_flight);
        in_flight("r1") + in_flight("r2") > 0
    };
    until(&cluster, "the request is in flight", in_progress).await;
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
async fn dropped_cluster_ends_even_paused_replicas() {
    let cluster = start(ServerKind::Stateless, 2).await;
    let (pids, folder) = (pids(&cluster.status().await), cluster.run_dir().to_owned());
    cluster.execute("r1", MemberAction::Pause).await.unwrap();
    drop(cluster);
    until_gone(&pids, &folder).await;
}

#[tokio::test]
async fn data_in_a_given_folder_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let mut topology = topology(ServerKind::Stateful, 1);
    topology.data_dir = Some(data.path().to_owned());
    topology.users = Users::Generated;
    let first = Cluster::start(topology.clone()).await.unwrap();
    assert_eq!(first.generated_accounts().len(), 3);
    first.accounts_shown();
    first.down().await;
    drop(first);
    assert!(data.path().join("files").exists());

    let second = Cluster::start(topology).await.unwrap();
    assert!(second.generated_accounts().is_empty(), "the existing accounts are used");
    second.down().await;
}

#[tokio::test]
async fn failed_start_cleans_up_before_it_returns() {
    let folder = RunDir::create().unwrap();
    let path = folder.path().to_owned();
    let mut topology = topology(ServerKind::Stateful, 2);
    topology.users = Users::File("/nonexistent/users.json".into());
    let started = Cluster::start_in(folder, topology).await;
    assert!(started.is_err());
    assert!(!path.exists(), "{}", path.display());
}

#[test]
fn starting_launcher_is_not_removed_by_another() {
    let create = || RunDir::create().unwrap();
    let launchers: Vec<RunDir> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..16).map(|_| scope.spawn(|| [create(), create()])).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for launcher in &launchers {
        assert!(launcher.path().join("owner.lock").exists());
    }
}

/// An abandoned folder beside the run folders, with this name prefix.
fn abandoned_folder(prefix: &str) -> PathBuf {
    let launcher = RunDir::create().expect("a folder");
    let base = launcher.path().parent().expect("a base folder");
    let path = base.join(format!("{prefix}{}", uuid::Uuid::new_v4().simple()));
    fs::create_dir(&path).expect("a folder");
    path
}

#[test]
fn next_launcher_removes_abandoned_folders() {
    let without_lock = abandoned_folder("run-");
    let unlocked = abandoned_folder("run-");
    // The launcher of another test may have removed the folder already.
    let _lock = File::create(unlocked.join("owner.lock"));
    let expired = abandoned_folder(".new-");
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(&expired).unwrap().set_modified(long_ago).unwrap();
    let recent = abandoned_folder(".new-");
    drop(RunDir::create().unwrap());
    assert!(!without_lock.exists() && !unlocked.exists() && !expired.exists());
    assert!(recent.exists(), "its launcher may still be starting");
    fs::remove_dir(recent).unwrap();
}
