//! Redis: of this machine, in a container, embedded.

use crate::support::{ask_redis, descendants, is_offered, until};
use backing_services::{Backing, Kind, Service, State, What, redis};
use std::path::Path;

async fn started(kind: Kind, backing: Backing) -> Option<(tempfile::TempDir, Service)> {
    if !is_offered(What::Redis, kind).await {
        return None;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let service = redis(backing, dir.path()).await.expect("it starts");
    assert_eq!((service.kind, service.state()), (kind, State::Up));
    Some((dir, service))
}

async fn keeps_its_data_through_a_kill(service: &Service) {
    let url = &service.url;
    assert!(ask_redis(url, &["SET", "a", "1"]).await.is_some());
    service.kill9().await.expect("it obeys");
    assert_eq!(service.state(), State::Down);
    assert_eq!(ask_redis(url, &["GET", "a"]).await, None, "it is dead");
    service.kill9().await.expect_err("nothing dies twice");
    service.restart().await.expect("it obeys");
    assert_eq!(ask_redis(url, &["GET", "a"]).await.as_deref(), Some("1"));
}

async fn hangs_while_it_is_paused(service: &Service) {
    service.pause().await.expect("it obeys");
    assert_eq!(service.state(), State::Paused);
    assert_eq!(ask_redis(&service.url, &["PING"]).await, None, "it hangs");
    service.resume().await.expect("it obeys");
    assert_eq!(ask_redis(&service.url, &["PING"]).await.as_deref(), Some("PONG"));
}

async fn is_restarted_in_order(service: &Service) {
    assert!(ask_redis(&service.url, &["SET", "b", "2"]).await.is_some());
    service.pause().await.expect("it obeys");
    service.restart().await.expect("it obeys");
    service.stop().await.expect("it obeys");
    service.restart().await.expect("it obeys");
    let kept = ask_redis(&service.url, &["GET", "b"]).await;
    assert_eq!(kept.as_deref(), Some("2"));
}

async fn asks_for_a_password(url: &str) {
    let (_, address) = url.split_once('@').expect("a URL with a password");
    assert_eq!(ask_redis(&format!("redis://{address}"), &["PING"]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_redis_keeps_its_data_through_kills_and_hangs() {
    let Some((dir, service)) = started(Kind::Local, Backing::Local).await else { return };
    keeps_its_data_through_a_kill(&service).await;
    hangs_while_it_is_paused(&service).await;
    is_restarted_in_order(&service).await;
    asks_for_a_password(&service.url).await;
    let url = service.url.clone();
    drop(service);
    assert_eq!(ask_redis(&url, &["PING"]).await, None);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "its folder is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_on_no_command_line() {
    let Some((_dir, service)) = started(Kind::Local, Backing::Local).await else {
        return;
    };
    let password = service.url.split(&[':', '@'][..]).nth(2).unwrap();
    assert_eq!(password.len(), 32);
    let ours = descendants(std::process::id() as i32);
    assert!(ours.iter().any(|one| one.command_line.contains("redis-server")));
    assert!(ours.iter().all(|one| !one.command_line.contains(password)));
    assert!(!format!("{service:?}{}", service.why).contains(password));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_evicted_because_an_evicted_session_is_a_logout() {
    let Some((_dir, service)) = started(Kind::Local, Backing::Local).await else {
        return;
    };
    let info = ask_redis(&service.url, &["INFO", "memory"]).await.unwrap();
    assert!(info.contains("maxmemory_policy:noeviction"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_redis_keeps_its_data_through_an_orderly_restart() {
    let Some((_dir, service)) = started(Kind::Embedded, Backing::Embedded).await else {
        return;
    };
    hangs_while_it_is_paused(&service).await;
    is_restarted_in_order(&service).await;
    asks_for_a_password(&service.url).await;
    service.kill9().await.unwrap();
    service.restart().await.unwrap();
    assert_eq!(ask_redis(&service.url, &["PING"]).await.as_deref(), Some("PONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_in_a_container_keeps_its_data_through_kills_and_hangs() {
    let Some((_dir, service)) = started(Kind::Container, Backing::Container).await else {
        return;
    };
    keeps_its_data_through_a_kill(&service).await;
    hangs_while_it_is_paused(&service).await;
    is_restarted_in_order(&service).await;
    asks_for_a_password(&service.url).await;
}

/// Its processes hang on this process and not on the thread that asked for them.
#[test]
fn a_service_outlives_the_thread_and_the_runtime_that_started_it() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let starting = std::thread::spawn(move || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        (thread, runtime().block_on(started(Kind::Local, Backing::Local)))
    });
    let (thread, started) = starting.join().unwrap();
    let Some((_dir, service)) = started else { return };
    // The kernel tells a thread's children of its end before it forgets the thread.
    until("the thread is gone", || !Path::new("/proc").join(&thread).exists());
    let answer = runtime().block_on(ask_redis(&service.url, &["PING"]));
    assert_eq!(answer.as_deref(), Some("PONG"));
}
