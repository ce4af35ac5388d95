//! Startup checks: each error names a remedy and contains no password.

use crate::support::{Redis, kinds, on_each, open};
use backing_services::Backing;
use cache::{Limits, OpenError};
use std::time::Duration;

const SECRET: &str = "not-the-password";

async fn refused(url: &str) -> OpenError {
    let Err(refused) = open(url, Limits::default()).await else {
        panic!("it was accepted")
    };
    let text = format!("{refused} {refused:?}");
    assert!(!text.contains(SECRET) && !text.contains(url), "{text}");
    refused
}

#[tokio::test]
async fn invalid_url_and_unreachable_redis_give_distinct_errors() {
    for wrong in [
        format!("htp://:{SECRET}@127.0.0.1"),
        SECRET.to_owned(),
        format!("redis://:{SECRET}@127.0.0.1:99999"),
        format!("redis://:{SECRET}@127.0.0.1/x"),
        format!("rediss://:{SECRET}@127.0.0.1:1"),
    ] {
        assert!(matches!(refused(&wrong).await, OpenError::WrongUrl(_)), "{wrong}");
    }
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refused(&format!("redis://:{SECRET}@{closed}")).await;
    let OpenError::Unreachable { address, .. } = error else { panic!("{error}") };
    assert_eq!(address, closed.to_string());
}

#[tokio::test]
async fn silent_server_is_unreachable_within_seconds() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let opening = tokio::time::timeout(Duration::from_secs(5), refused(&url)).await;
    assert!(matches!(opening.unwrap(), OpenError::Unreachable { .. }));
}

#[tokio::test]
async fn wrong_or_missing_password_is_refused() {
    on_each(async |redis| {
        let (_, address) = redis.service.url.rsplit_once('@').unwrap();
        for url in [format!("redis://:{SECRET}@{address}"), format!("redis://{address}")]
        {
            let refused = refused(&url).await;
            assert!(matches!(refused, OpenError::AuthRefused { .. }), "{refused:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn evicting_redis_is_refused_even_if_it_hides_its_settings() {
    if !kinds().await.contains(&Backing::Local) {
        return;
    }
    let redis = Redis::start(Backing::Local).await;
    let url = redis.service.url.clone();
    let (_, address) = url.rsplit_once('@').unwrap();
    let without = |command: &str| format!("redis://without-{command}:pw@{address}");
    for command in ["config", "info"] {
        let (user, forbidden) = (format!("without-{command}"), format!("-{command}"));
        let allowed = ["on", ">pw", "~*", "+@all", &forbidden];
        let rule: Vec<_> =
            ["ACL", "SETUSER", &user].iter().chain(&allowed).copied().collect();
        redis.command::<()>(&rule).await;
    }
    for policy in ["allkeys-lru", "volatile-ttl"] {
        redis.command::<()>(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
        for url in [url.clone(), without("config")] {
            let refused = refused(&url).await;
            assert!(
                matches!(&refused, OpenError::Evicting { policy: found, .. } if found == policy)
            );
            assert!(
                refused.to_string().contains("CONFIG SET maxmemory-policy noeviction")
            );
        }
    }
    redis.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
    for url in [url.clone(), without("config")] {
        assert!(open(&url, Limits::default()).await.is_ok());
    }
    let refused = refused(&without("info")).await;
    assert!(matches!(refused, OpenError::Unidentified { .. }), "{refused}");
    assert!(refused.to_string().contains("the command INFO"), "{refused}");
}
