//! Rate limits of three replicas on one Redis, and after Redis fails.

use super::*;
use backing_services::{Backing, Service, redis};
use std::net::Ipv4Addr;
use std::time::Instant;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

async fn three(args: LimitArgs) -> (Service, tempfile::TempDir, Vec<Limits>) {
    let folder = tempfile::tempdir().unwrap();
    let service = redis(Backing::Embedded, folder.path()).await.unwrap();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let cache =
            Cache::open(&service.url, "d", cache::Limits::default()).await.unwrap();
        replicas.push(Limits::new(Some(cache), &args));
    }
    (service, folder, replicas)
}

fn args(per_second: u32) -> LimitArgs {
    LimitArgs {
        attempts_per_account: 10,
        attempts_per_address: 1_000,
        attempts_window_ms: 600_000,
        refreshes_per_login: 60,
        requests_per_second: per_second,
        trusted_proxies: Vec::new(),
    }
}

#[tokio::test]
async fn replicas_share_the_count_of_wrong_passwords() {
    let (_redis, _folder, replicas) = three(args(1)).await;
    for attempt in 0..30 {
        let replica = &replicas[attempt % 3];
        replica.attempt("alice", HERE).await.unwrap().succeeded().await;
    }
    for attempt in 0..10 {
        let _wrong = replicas[attempt % 3].attempt("alice", HERE).await.unwrap();
    }
    for replica in &replicas {
        assert!(replica.attempt("alice", HERE).await.is_err());
        assert!(replica.attempt("bob", HERE).await.is_ok());
    }
}

#[tokio::test]
async fn without_redis_each_replica_continues_its_own_count() {
    let (redis, _folder, replicas) = three(args(1)).await;
    for _ in 0..6 {
        let _wrong = replicas[0].attempt("alice", HERE).await.unwrap();
    }
    redis.kill9().await.unwrap();
    let mut more = 0;
    while replicas[0].attempt("alice", HERE).await.is_ok() {
        more += 1;
    }
    assert_eq!(more, 4, "this replica counted six of ten");
    let mut elsewhere = 0;
    while replicas[1].attempt("alice", HERE).await.is_ok() {
        elsewhere += 1;
    }
    assert_eq!(elsewhere, 10, "the other replica counted none");
}

#[tokio::test]
async fn replicas_share_the_request_count_of_a_caller() {
    const LIMIT: u32 = 64;
    let (_redis, _folder, replicas) = three(args(LIMIT)).await;
    let (begun, mut allowed) = (Instant::now(), 0);
    while begun.elapsed().as_millis() < 500 && allowed < 3 * LIMIT {
        for replica in &replicas {
            allowed += u32::from(replica.request("alice").await.is_ok());
        }
    }
    // Two windows may have begun, locally and in Redis.
    let free = LIMIT / LOCAL_ONE_IN;
    assert!((LIMIT..=LIMIT + 2 * 3 * free).contains(&allowed), "{allowed}");
}
