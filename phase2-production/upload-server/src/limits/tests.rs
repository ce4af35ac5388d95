//! Rate limits without Redis. The server's tests cover them with Redis and three
//! replicas.

use super::*;
use std::net::Ipv4Addr;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 8));

fn limits(per_account: u32, per_address: u32, per_second: u32) -> Limits {
    let args = LimitArgs {
        attempts_per_account: per_account,
        attempts_per_address: per_address,
        attempts_window_ms: 60_000,
        refreshes_per_login: 60,
        requests_per_second: per_second,
        trusted_proxies: Vec::new(),
    };
    Limits::new(None, &args)
}

#[tokio::test]
async fn only_wrong_passwords_count() {
    let limits = limits(3, 100, 1);
    for _ in 0..10 {
        limits.attempt("alice", HERE).await.unwrap().succeeded().await;
    }
    for _ in 0..3 {
        let _wrong = limits.attempt("alice", HERE).await.unwrap();
    }
    let refused = limits.attempt("alice", THERE).await.err().unwrap();
    assert!((1..=60).contains(&refused.retry_after_s), "{refused:?}");
    assert!(limits.attempt("bob", HERE).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn attempt_waits_for_attempts_under_way() {
    let limits = limits(3, 100, 1);
    let mut under_way = Vec::new();
    for _ in 0..3 {
        under_way.push(limits.attempt("alice", HERE).await.unwrap());
    }
    let mut waiting = std::pin::pin!(limits.attempt("alice", HERE));
    let short = std::time::Duration::from_secs(1);
    assert!(tokio::time::timeout(short, &mut waiting).await.is_err(), "it waits");
    assert!(limits.attempt("bob", HERE).await.is_ok(), "another account does not wait");
    under_way.pop().unwrap().succeeded().await;
    let next = waiting.await.unwrap();
    // Three wrong ones: the waiting attempt is refused at once, with the time of the window.
    let (limits_of_late, wrong) = (limits.clone(), async {
        tokio::time::sleep(short).await;
        drop((under_way, next));
    });
    let (late, ()) = tokio::join!(limits_of_late.attempt("alice", HERE), wrong);
    assert!(late.err().unwrap().retry_after_s > 1);
}

/// A wait that is cancelled, because its client has left, keeps no place.
#[tokio::test(start_paused = true)]
async fn attempt_that_waits_too_long_is_refused_briefly() {
    let limits = limits(1, 100, 1);
    let _under_way = limits.attempt("alice", HERE).await.unwrap();
    let short = std::time::Duration::from_millis(100);
    let left = tokio::time::timeout(short, limits.attempt("alice", HERE)).await;
    assert!(left.is_err());
    let refused = limits.attempt("alice", HERE).await.err().unwrap();
    assert_eq!(refused, TooMany { retry_after_s: 1 });
}

#[tokio::test]
async fn unknown_usernames_count_like_known_ones() {
    let limits = limits(3, 100, 1);
    let unknown = "no such user, and ".repeat(500);
    for _ in 0..3 {
        let _wrong = limits.attempt(&unknown, HERE).await.unwrap();
    }
    assert!(limits.attempt(&unknown, HERE).await.is_err());
}

#[tokio::test]
async fn blocked_address_locks_out_no_account() {
    let limits = limits(3, 5, 1);
    for name in 0..5 {
        let _wrong = limits.attempt(&format!("user-{name}"), HERE).await.unwrap();
    }
    for _ in 0..10 {
        assert!(limits.attempt("alice", HERE).await.is_err());
    }
    assert!(limits.attempt("alice", THERE).await.is_ok());
}

#[tokio::test]
async fn unknown_tokens_count_per_address_apart_from_passwords() {
    let limits = limits(100, 3, 1);
    for _ in 0..10 {
        limits.token(HERE).await.unwrap().succeeded().await;
    }
    for _ in 0..3 {
        let _unknown = limits.token(HERE).await.unwrap();
    }
    let refused = limits.token(HERE).await.err().unwrap();
    assert!((1..=60).contains(&refused.retry_after_s), "{refused:?}");
    assert!(limits.token(THERE).await.is_ok());
    assert!(limits.attempt("alice", HERE).await.is_ok(), "passwords count separately");
}

#[tokio::test]
async fn exhausted_refresh_limit_does_not_block_logout() {
    let limits = limits(1, 1, 1);
    for _ in 0..60 {
        limits.login_action("refresh", "family").await.unwrap();
    }
    assert!(limits.login_action("refresh", "family").await.is_err());
    assert!(limits.login_action("refresh", "another").await.is_ok());
    assert!(limits.login_action("logout", "family").await.is_ok());
}

#[tokio::test]
async fn ipv6_prefix_64_counts_as_one_address() {
    let limits = limits(100, 2, 1);
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    drop(limits.attempt("a", address("2001:db8:1:2::1")).await.unwrap());
    drop(limits.attempt("b", address("2001:db8:1:2:ffff::9")).await.unwrap());
    assert!(limits.attempt("c", address("2001:db8:1:2::3")).await.is_err());
    assert!(limits.attempt("c", address("2001:db8:1:3::3")).await.is_ok());
    drop(limits.attempt("d", HERE).await.unwrap());
    drop(limits.attempt("e", address("::ffff:203.0.113.7")).await.unwrap());
    assert!(limits.attempt("f", HERE).await.is_err());
}

#[tokio::test]
async fn request_limit_applies_per_caller() {
    let limits = limits(1, 1, 20);
    for _ in 0..20 {
        limits.request("alice").await.unwrap();
    }
    assert_eq!(limits.request("alice").await, Err(TooMany { retry_after_s: 1 }));
    limits.request("bob").await.unwrap();
}
