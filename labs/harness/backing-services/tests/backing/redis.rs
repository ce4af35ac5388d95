//! Tests of Redis: installed, in a container, and embedded.

use crate::support::{assert_no_reply, descendants, is_available, query_redis, until};
use backing_services::{Backing, Kind, Service, ServiceType, State, redis};
use std::path::Path;

async fn started(kind: Kind, backing: Backing) -> Option<(tempfile::TempDir, Service)> {
    if !is_available(ServiceType::Redis, kind).await {
        return None;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let service = redis(backing, dir.path()).await.expect("it starts");
    assert_eq!((service.kind, service.state()), (kind, State::Up));
    Some((dir, service))
}

async fn keeps_data_after_kill(service: &Service) {
    let url = &service.url;
    assert!(query_redis(url, &["SET", "a", "1"]).await.is_some());
    service.kill9().await.expect("the command succeeds");
    assert_eq!(service.state(), State::Down);
    assert_eq!(query_redis(url, &["GET", "a"]).await, None, "it is down");
    service.kill9().await.expect_err("it is down already");
    service.restart().await.expect("the command succeeds");
    assert_eq!(query_redis(url, &["GET", "a"]).await.as_deref(), Some("1"));
}

async fn does_not_reply_while_paused(service: &Service) {
    service.pause().await.expect("the command succeeds");
    assert_eq!(service.state(), State::Paused);
    assert_no_reply(query_redis(&service.url, &["PING"])).await;
    service.resume().await.expect("the command succeeds");
    assert_eq!(query_redis(&service.url, &["PING"]).await.as_deref(), Some("PONG"));
}

async fn restarts_in_order(service: &Service) {
    assert!(query_redis(&service.url, &["SET", "b", "2"]).await.is_some());
    service.pause().await.expect("the command succeeds");
    service.restart().await.expect("the command succeeds");
    service.stop().await.expect("the command succeeds");
    service.restart().await.expect("the command succeeds");
    let kept = query_redis(&service.url, &["GET", "b"]).await;
    assert_eq!(kept.as_deref(), Some("2"));
}

async fn requires_a_password(url: &str) {
    let (_, address) = url.split_once('@').expect("a URL with a password");
    assert_eq!(query_redis(&format!("redis://{address}"), &["PING"]).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn private_redis_keeps_data_after_kill_and_pause() {
    let Some((dir, service)) = started(Kind::Local, Backing::Local).await else { return };
    keeps_data_after_kill(&service).await;
    does_not_reply_while_paused(&service).await;
    restarts_in_order(&service).await;
    requires_a_password(&service.url).await;
    let url = service.url.clone();
    drop(service);
    assert_eq!(query_redis(&url, &["PING"]).await, None);
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "its folder is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn password_is_on_no_command_line() {
    let Some((_dir, service)) = started(Kind::Local, Backing::Local).await else {
        return;
    };
    let password = service.url.split(&[':', '@'][..]).nth(2).unwrap();
    assert_eq!(password.len(), 32);
    let children = descendants(std::process::id() as i32);
    assert!(children.iter().any(|child| child.command_line.contains("redis-server")));
    assert!(children.iter().all(|child| !child.command_line.contains(password)));
    assert!(!format!("{service:?}{}", service.why).contains(password));
}

/// An evicted session would be a logout.
#[tokio::test(flavor = "multi_thread")]
async fn redis_evicts_no_session() {
    let Some((_dir, service)) = started(Kind::Local, Backing::Local).await else {
        return;
    };
    let info = query_redis(&service.url, &["INFO", "memory"]).await.unwrap();
    assert!(info.contains("maxmemory_policy:noeviction"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_redis_keeps_data_after_orderly_restart() {
    let Some((_dir, service)) = started(Kind::Embedded, Backing::Embedded).await else {
        return;
    };
    does_not_reply_while_paused(&service).await;
    restarts_in_order(&service).await;
    requires_a_password(&service.url).await;
    service.kill9().await.unwrap();
    service.restart().await.unwrap();
    assert_eq!(query_redis(&service.url, &["PING"]).await.as_deref(), Some("PONG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_in_container_keeps_data_after_kill_and_pause() {
    let Some((_dir, service)) = started(Kind::Container, Backing::Container).await else {
        return;
    };
    keeps_data_after_kill(&service).await;
    does_not_reply_while_paused(&service).await;
    restarts_in_order(&service).await;
    requires_a_password(&service.url).await;
}

/// Its processes end with this process, and not with the thread that requested them.
#[test]
fn service_outlives_thread_and_runtime_that_started_it() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let starting = std::thread::spawn(move || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        (thread, runtime().block_on(started(Kind::Local, Backing::Local)))
    });
    let (thread, started) = starting.join().unwrap();
    let Some((_dir, service)) = started else { return };
    // The kernel signals the children of a thread before it removes the thread.
    until("the thread has ended", || !Path::new("/proc").join(&thread).exists());
    let answer = runtime().block_on(query_redis(&service.url, &["PING"]));
    assert_eq!(answer.as_deref(), Some("PONG"));
}
