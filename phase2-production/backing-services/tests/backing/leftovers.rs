//! What is left when the process that uses the services is killed: nothing.

use crate::support::{Process, descendants, is_offered, until};
use backing_services::{Backing, Kind, Service, What, database, redis, s3};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Tells the test below, in another process, what it is to be the victim of.
const VICTIM: &str = "BACKING_TEST_VICTIM";

/// Not a test: the process that the others kill.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "plays the victim for the other tests"]
async fn victim() {
    let Ok(order) = std::env::var(VICTIM) else { return };
    let mut words = order.split(' ');
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

fn start_victim(order: &str) -> Child {
    let mut victim = Command::new(std::env::current_exe().expect("it is there"))
        .args(["--ignored", "--exact", "leftovers::victim", "--nocapture"])
        .env(VICTIM, order)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it is there");
    let mut lines = BufReader::new(victim.stdout.take().expect("it is there")).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line == "ready"));
    assert!(ready, "the victim did not start {order}");
    victim
}

/// Kills it, and waits until every process that it had and every folder in which one of
/// them worked is gone.
fn nothing_is_left_of(mut victim: Child, server: &str) {
    let had = descendants(i32::try_from(victim.id()).expect("it is there"));
    // The guard, whose command line names the folder, works elsewhere.
    let servers =
        |one: &&Process| one.command_line.contains(server) && one.cwd != Path::new("/");
    let homes: Vec<_> = had.iter().filter(servers).map(|one| one.cwd.clone()).collect();
    assert!(!homes.is_empty() && homes.iter().all(|home| home.exists()), "{had:?}");
    victim.kill().expect("it obeys");
    victim.wait().expect("it obeys");
    until("its processes are gone", || had.iter().all(|one| !one.lives()));
    until("their folders are gone", || homes.iter().all(|home| !home.exists()));
}

async fn test(what: What, name: &str, server: &str) {
    if !is_offered(what, Kind::Local).await {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    for state in ["up", "paused"] {
        let order = format!("{name} {} {state}", dir.path().display());
        nothing_is_left_of(start_victim(&order), server);
        assert_eq!(
            dir.path().read_dir().expect("it is there").count(),
            0,
            "after {state}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_folder_somebody_removed_ends_all_the_same() {
    for what in [What::Redis, What::Database] {
        if !is_offered(what, Kind::Local).await {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let service = match what {
            What::Redis => redis(Backing::Local, dir.path()).await.unwrap(),
            _ => database(Backing::Local, dir.path()).await.unwrap(),
        };
        let home = service.log().unwrap().parent().unwrap().to_owned();
        let ours = descendants(std::process::id() as i32).into_iter();
        let ours: Vec<_> = ours.filter(|one| one.cwd.starts_with(&home)).collect();
        assert!(!ours.is_empty());
        std::fs::remove_dir_all(&home).unwrap();
        drop(service);
        assert!(ours.iter().all(|one| !one.lives()), "{what:?} goes on");
    }
}

/// Shared memory outlives every process that is killed; its id stands in this file.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_was_killed_leaves_no_shared_memory() {
    if !is_offered(What::Database, Kind::Local).await {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let service = database(Backing::Local, dir.path()).await.unwrap();
    let log = service.log().unwrap();
    let mark =
        std::fs::read_to_string(log.with_file_name("data/postmaster.pid")).unwrap();
    let id = mark.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
    let is_there = || {
        let all = std::fs::read_to_string("/proc/sysvipc/shm").unwrap();
        all.lines().any(|line| line.split_whitespace().nth(1) == Some(&id))
    };
    service.kill9().await.unwrap();
    assert!(is_there(), "the file names it");
    drop(service);
    assert!(!is_there());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_dies_with_its_parent_even_on_sigkill_and_even_while_paused() {
    test(What::Redis, "redis", "redis-server").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_dies_with_its_parent_even_on_sigkill_and_even_while_paused() {
    test(What::Database, "postgres", "postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_dies_with_its_parent_even_on_sigkill_and_even_while_paused() {
    test(What::S3, "s3", "s3s-fs").await;
}

/// A container is no child; its label names its owner.
fn containers_of(pid: u32) -> usize {
    let format = "{{.Label \"stateless-lab.owner\"}}";
    let output =
        Command::new("docker").args(["ps", "--all", "--format", format]).output();
    let text =
        String::from_utf8(output.expect("it is there").stdout).expect("it is there");
    text.lines().filter(|owner| owner.contains(&format!(".{pid}."))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_goes_with_its_owner_even_on_sigkill_and_even_while_paused() {
    let images = [(What::Redis, "redis-container"), (What::Database, "container")];
    for (what, name) in images {
        if !is_offered(what, Kind::Container).await {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        for state in ["up", "paused"] {
            let order = format!("{name} {} {state}", dir.path().display());
            let mut victim = start_victim(&order);
            assert_eq!(containers_of(victim.id()), 1, "{order}");
            victim.kill().unwrap();
            victim.wait().unwrap();
            until("its container is gone", || containers_of(victim.id()) == 0);
        }
    }
}
