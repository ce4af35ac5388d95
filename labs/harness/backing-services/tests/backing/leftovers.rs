//! Tests that no process, container or folder remains when the parent process is killed.

use crate::support::{Process, descendants, is_available, until, until_ended};
use backing_services::{Backing, Kind, Service, ServiceType, database, redis, s3};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The environment variable with the service that the target process starts.
const TARGET: &str = "BACKING_TEST_TARGET";

/// Not a test: the process that the tests kill.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other tests start and kill it"]
async fn target_process() {
    let Ok(command) = std::env::var(TARGET) else { return };
    let mut words = command.split(' ');
    let (what, dir) = (words.next().unwrap(), words.next().unwrap());
    let dir = Path::new(dir);
    let service: Service = match what {
        "redis" => redis(Backing::Local, dir).await,
        "postgres" => database(Backing::Local, dir).await,
        "s3" => s3(Backing::Local, dir).await,
        "redis-container" => redis(Backing::Container, dir).await,
        _ => database(Backing::Container, dir).await,
    }
    .unwrap();
    if words.next() == Some("paused") {
        service.pause().await.unwrap();
    }
    println!("\nready");
    std::future::pending::<()>().await;
}

fn start_target(command: &str) -> Child {
    let mut target = Command::new(std::env::current_exe().expect("it exists"))
        .args(["--ignored", "--exact", "leftovers::target_process", "--nocapture"])
        .env(TARGET, command)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it exists");
    let mut lines = BufReader::new(target.stdout.take().expect("it exists")).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line == "ready"));
    assert!(ready, "the target process did not start {command}");
    target
}

/// Kills the target process, and waits until its descendants have ended and their working
/// folders are removed.
fn kill_and_wait_for_clean_up(mut target: Child, server: &str) {
    let descendants = descendants(i32::try_from(target.id()).expect("it exists"));
    // The reaper's command line contains the folder, too, but its working folder is /.
    let is_server = |process: &&Process| {
        process.command_line.contains(server) && process.cwd != Path::new("/")
    };
    let servers = descendants.iter().filter(is_server);
    let folders: Vec<_> = servers.map(|server| server.cwd.clone()).collect();
    let exist = folders.iter().all(|folder| folder.exists());
    assert!(!folders.is_empty() && exist, "{descendants:?}");
    target.kill().expect("the command succeeds");
    target.wait().expect("the command succeeds");
    until_ended(&descendants);
    until("their folders are removed", || folders.iter().all(|folder| !folder.exists()));
}

async fn ends_with_killed_parent(what: ServiceType, name: &str, server: &str) {
    if !is_available(what, Kind::Local).await {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    for state in ["up", "paused"] {
        let command = format!("{name} {} {state}", dir.path().display());
        kill_and_wait_for_clean_up(start_target(&command), server);
        assert_eq!(dir.path().read_dir().expect("it exists").count(), 0, "after {state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn service_with_removed_folder_ends() {
    for what in [ServiceType::Redis, ServiceType::Database] {
        if !is_available(what, Kind::Local).await {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let service = match what {
            ServiceType::Redis => redis(Backing::Local, dir.path()).await.unwrap(),
            _ => database(Backing::Local, dir.path()).await.unwrap(),
        };
        let folder = service.log().unwrap().parent().unwrap().to_owned();
        let children = descendants(std::process::id() as i32).into_iter();
        let children: Vec<_> =
            children.filter(|child| child.cwd.starts_with(&folder)).collect();
        assert!(!children.is_empty());
        std::fs::remove_dir_all(&folder).unwrap();
        drop(service);
        until_ended(&children);
    }
}

/// Shared memory outlives killed processes. Its id is in `postmaster.pid`.
#[tokio::test(flavor = "multi_thread")]
async fn killed_postgres_leaves_no_shared_memory() {
    if !is_available(ServiceType::Database, Kind::Local).await {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let service = database(Backing::Local, dir.path()).await.unwrap();
    let log = service.log().unwrap();
    let pid_file =
        std::fs::read_to_string(log.with_file_name("data/postmaster.pid")).unwrap();
    let id =
        pid_file.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let exists = || {
        let all = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        all.lines().any(|line| line.split_whitespace().nth(1) == Some(&id))
    };
    service.kill9().await.unwrap();
    assert!(exists(), "the file has its id");
    drop(service);
    assert!(!exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_ends_with_killed_parent_even_while_paused() {
    ends_with_killed_parent(ServiceType::Redis, "redis", "redis-server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_ends_with_killed_parent_even_while_paused() {
    ends_with_killed_parent(ServiceType::Database, "postgres", "postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn store_ends_with_killed_parent_even_while_paused() {
    ends_with_killed_parent(ServiceType::S3, "s3", "s3s-fs").await;
}

/// A container is not a child process. Its label contains its owner's process id.
fn containers_of(pid: u32) -> usize {
    let format = "{{.Label \"stateless-lab.owner\"}}";
    let output =
        Command::new("docker").args(["ps", "--all", "--format", format]).output();
    let text = String::from_utf8(output.expect("it exists").stdout).expect("it exists");
    text.lines().filter(|owner| owner.contains(&format!(".{pid}."))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn container_ends_with_killed_owner_even_while_paused() {
    let images =
        [(ServiceType::Redis, "redis-container"), (ServiceType::Database, "container")];
    for (what, name) in images {
        if !is_available(what, Kind::Container).await {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        for state in ["up", "paused"] {
            let command = format!("{name} {} {state}", dir.path().display());
            let mut target = start_target(&command);
            assert_eq!(containers_of(target.id()), 1, "{command}");
            target.kill().unwrap();
            target.wait().unwrap();
            until("its container is removed", || containers_of(target.id()) == 0);
        }
    }
}
