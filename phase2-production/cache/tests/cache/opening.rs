//! What is refused at the start, with a message that says what to do and no password.

use crate::support::{Redis, kinds, on_each};
use backing_services::Backing;
use cache::{Cache, Limits, OpenError};
use std::time::Duration;

const SECRET: &str = "not-the-password";

async fn refused(url: &str) -> OpenError {
    let Err(refused) = Cache::open(url, Limits::default()).await else {
        panic!("it was accepted")
    };
    let text = format!("{refused} {refused:?}");
    assert!(!text.contains(SECRET) && !text.contains(url), "{text}");
    refused
}

#[tokio::test]
async fn a_url_that_is_none_is_told_apart_from_a_redis_that_is_not_there() {
    for wrong in [
        format!("htp://:{SECRET}@127.0.0.1"),
        SECRET.to_owned(),
        format!("redis://:{SECRET}@127.0.0.1:99999"),
        format!("redis://:{SECRET}@127.0.0.1/x"),
        format!("rediss://:{SECRET}@127.0.0.1:1"),
    ] {
        assert!(matches!(refused(&wrong).await, OpenError::WrongUrl(_)), "{wrong}");
    }
    let nobody =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = refused(&format!("redis://:{SECRET}@{nobody}")).await;
    let OpenError::Unreachable { address, .. } = away else { panic!("{away}") };
    assert_eq!(address, nobody.to_string());
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_is_unreachable_within_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let opening = tokio::time::timeout(Duration::from_secs(5), refused(&url)).await;
    assert!(matches!(opening.unwrap(), OpenError::Unreachable { .. }));
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_one_are_auth_refused() {
    on_each(async |redis| {
        let (_, place) = redis.service.url.rsplit_once('@').unwrap();
        for url in [format!("redis://:{SECRET}@{place}"), format!("redis://{place}")] {
            let refused = refused(&url).await;
            assert!(matches!(refused, OpenError::AuthRefused { .. }), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_may_evict_is_refused_and_one_that_may_not_say_is_taken() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let url = redis.service.url.clone();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        redis.say::<()>(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
        let refused = refused(&url).await;
        assert!(
            matches!(&refused, OpenError::Evicting { policy: told, .. } if told == policy)
        );
        assert!(refused.to_string().contains("CONFIG SET maxmemory-policy noeviction"));
    }
    redis
        .say::<()>(&["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-config"])
        .await;
    let (_, place) = url.rsplit_once('@').unwrap();
    let silent = Cache::open(&format!("redis://app:pw@{place}"), Limits::default()).await;
    assert!(silent.is_ok(), "it may not be asked, which is only worth a warning");
    redis.say::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    assert!(Cache::open(&url, Limits::default()).await.is_ok());
}
