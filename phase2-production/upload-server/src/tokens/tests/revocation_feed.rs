//! A revocation is applied on every replica when it is acknowledged, also without Redis.

use super::cluster::{TestCluster, eventually, is_valid, request, revoke, with};
use crate::audit::AuditContext;
use crate::config::credentials::Revocation;
use crate::faults::cuttable_proxy;
use crate::revocation_feed::MAX_PROPAGATION_DELAY;
use crate::tokens::{Issued, TokenError, Tokens, now};
use backing_services::{Kind, ServiceType, offers};
use std::time::Duration;

const MODES_WITH_LOOKUP: [Revocation; 3] =
    [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined];

/// Lists services that must be available; their tests then fail instead of being skipped.
const REQUIRED_SERVICES: &str = "LAB_MUST_HAVE";

/// Whether this machine has a real Redis that can refuse writes; the embedded one cannot.
async fn has_real_redis() -> bool {
    let offers = offers(ServiceType::Redis).await;
    let local = offers.into_iter().find(|offer| offer.kind == Kind::Local);
    let Err(reason) = local.expect("a local offer").found else { return true };
    let must_have = std::env::var(REQUIRED_SERVICES).unwrap_or_default();
    let must = must_have.split(' ').any(|one| one == Kind::Local.as_str());
    assert!(!must, "{REQUIRED_SERVICES} names local: {reason}");
    eprintln!("SKIPPED a Redis that refuses to write: {reason}");
    false
}

/// Logs in, and warms the replica's cache, so that it asks only Redis.
async fn log_in_and_warm(cluster: &TestCluster, replica: &Tokens) -> Issued {
    let pair = cluster.log_in(replica).await;
    for _ in 0..3 {
        assert!(is_valid(replica, &pair).await);
    }
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_on_replica_without_redis_is_effective_when_acknowledged() {
    for mode in MODES_WITH_LOOKUP {
        let cluster = TestCluster::with_redis().await;
        let (url, cut) = cuttable_proxy(&cluster.redis.as_ref().unwrap().url).await;
        let other = cluster.replica(&with(mode)).await;
        let isolated = cluster.replica_at(&url, &with(mode)).await;
        let (left, right) = (
            log_in_and_warm(&cluster, &other).await,
            log_in_and_warm(&cluster, &other).await,
        );
        cut.send(true).unwrap();
        // The request may have arrived long before its transaction began.
        let slow = AuditContext { at: now() - 3_600_000, ..request() };
        revoke(&isolated, left.access_token.expose(), &slow).await.unwrap();
        assert!(!is_valid(&other, &left).await, "{mode:?}: a logout");
        cluster.sign_out_everywhere(&isolated).await;
        drop(isolated);
        for _ in 0..20 {
            assert!(!is_valid(&other, &left).await, "{mode:?}: a logout");
            assert!(!is_valid(&other, &right).await, "{mode:?}: signed out everywhere");
        }
    }
}

/// The replica dies before it publishes a sign-out.
#[tokio::test(flavor = "multi_thread")]
async fn committed_revocation_propagates_without_publication() {
    for mode in MODES_WITH_LOOKUP {
        let cluster = TestCluster::with_redis().await;
        let (dying, other) =
            (cluster.replica(&with(mode)).await, cluster.replica(&with(mode)).await);
        let pair = log_in_and_warm(&cluster, &other).await;
        let (_revoked, _unpublished) = cluster.write_revocation_of_alice(&dying).await;
        let dead = || async { !is_valid(&other, &pair).await };
        eventually("the revocation is applied", dead).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revocation_while_redis_is_read_only_is_effective_when_acknowledged() {
    if !has_real_redis().await {
        return;
    }
    for mode in MODES_WITH_LOOKUP {
        let cluster = TestCluster::with_redis().await;
        assert_eq!(cluster.redis.as_ref().unwrap().kind, Kind::Local);
        let (one, other) =
            (cluster.replica(&with(mode)).await, cluster.replica(&with(mode)).await);
        let pair = log_in_and_warm(&cluster, &other).await;
        assert!(is_valid(&one, &pair).await);
        cluster.redis_command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
        revoke(&one, pair.access_token.expose(), &request()).await.unwrap();
        for _ in 0..20 {
            assert!(!is_valid(&one, &pair).await, "{mode:?}: where it was revoked");
            assert!(!is_valid(&other, &pair).await, "{mode:?}: elsewhere");
        }
        cluster.redis_command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
        for _ in 0..20 {
            assert!(!is_valid(&other, &pair).await, "{mode:?}: when it writes again");
        }
    }
}

/// As on a paused replica, or on one with a slow database.
#[tokio::test(flavor = "multi_thread")]
async fn lagging_replica_asks_the_database() {
    for mode in MODES_WITH_LOOKUP {
        let cluster = TestCluster::with_redis().await;
        let other = cluster.replica(&with(mode)).await;
        let pair = log_in_and_warm(&cluster, &other).await;
        other.stop_feed();
        let (_revoked, _unpublished) = cluster.write_revocation_of_alice(&other).await;
        tokio::time::sleep(MAX_PROPAGATION_DELAY).await;
        assert!(!is_valid(&other, &pair).await, "{mode:?}");
    }
}

/// It may have missed a revocation from before the outage.
#[tokio::test(flavor = "multi_thread")]
async fn replica_without_database_trusts_redis_unless_it_lagged_before() {
    for (mode, lagged) in
        MODES_WITH_LOOKUP.into_iter().flat_map(|mode| [(mode, false), (mode, true)])
    {
        let cluster = TestCluster::with_redis().await;
        let (replica, records) = cluster.replica_and_records(&with(mode)).await;
        let pair = log_in_and_warm(&cluster, &replica).await;
        if lagged {
            replica.stop_feed();
            tokio::time::sleep(MAX_PROPAGATION_DELAY).await;
        }
        records.close().await;
        tokio::time::sleep(MAX_PROPAGATION_DELAY).await;
        let begun = tokio::time::Instant::now();
        let checked = replica.check(pair.access_token.expose()).await;
        match checked {
            Ok(_) => assert!(!lagged, "{mode:?}"),
            Err(TokenError::Unavailable) => assert!(lagged, "{mode:?}"),
            Err(other) => panic!("{mode:?}: {other}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
