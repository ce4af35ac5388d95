//! An end is known to every replica when it is answered, whoever could not tell Redis.

use super::rig::{Rig, eventually, is_good, request, revoke, with};
use crate::audit::AuditContext;
use crate::config::proofs::Revocation;
use crate::faults::cuttable;
use crate::hearsay::KNOWN_AFTER;
use crate::tokens::{Issued, Tokens, now};
use backing_services::{Kind, What, offers};
use std::time::Duration;

const ASKING: [Revocation; 3] =
    [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined];

/// Names the kinds that must be here: then a test of them fails instead of doing nothing.
const MUST_HAVE: &str = "LAB_MUST_HAVE";

/// Whether there is one on this machine, which can be told to refuse; the stand-in cannot.
async fn has_a_redis_of_its_own() -> bool {
    let offers = offers(What::Redis).await;
    let local = offers.into_iter().find(|offer| offer.kind == Kind::Local);
    let Err(reason) = local.expect("every kind is judged").found else { return true };
    let must_have = std::env::var(MUST_HAVE).unwrap_or_default();
    let must = must_have.split(' ').any(|one| one == Kind::Local.as_str());
    assert!(!must, "{MUST_HAVE} names local: {reason}");
    eprintln!("SKIPPED a Redis that refuses to write: {reason}");
    false
}

/// A login that a replica has met so often that it asks Redis alone.
async fn well_known(rig: &Rig, replica: &Tokens) -> Issued {
    let pair = rig.log_in(replica).await;
    for _ in 0..3 {
        assert!(is_good(replica, &pair).await);
    }
    pair
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_a_replica_that_is_cut_off_from_redis_is_dead_everywhere_when_answered()
 {
    for mode in ASKING {
        let rig = Rig::with_redis().await;
        let (url, cut) = cuttable(&rig.redis.as_ref().unwrap().url).await;
        let other = rig.replica(&with(mode)).await;
        let lonely = rig.replica_at(&url, &with(mode)).await;
        let (left, right) =
            (well_known(&rig, &other).await, well_known(&rig, &other).await);
        cut.send(true).unwrap();
        // The request may have come long before its transaction began.
        let slow = AuditContext { at: now() - 3_600_000, ..request() };
        revoke(&lonely, left.access_token.expose(), &slow).await.unwrap();
        assert!(!is_good(&other, &left).await, "{mode:?}: a logout");
        rig.sign_out_everywhere(&lonely).await;
        drop(lonely);
        for _ in 0..20 {
            assert!(!is_good(&other, &left).await, "{mode:?}: a logout");
            assert!(!is_good(&other, &right).await, "{mode:?}: signed out everywhere");
        }
    }
}

/// Somebody is signed out, and that replica dies before it has told anybody.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_heard_although_nobody_told_of_it() {
    for mode in ASKING {
        let rig = Rig::with_redis().await;
        let (dying, other) =
            (rig.replica(&with(mode)).await, rig.replica(&with(mode)).await);
        let pair = well_known(&rig, &other).await;
        let (_died, _untold) = rig.write_end_of_alice(&dying).await;
        let dead = || async { !is_good(&other, &pair).await };
        eventually("it is heard", dead).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_while_redis_refuses_to_write_is_dead_everywhere_when_answered() {
    if !has_a_redis_of_its_own().await {
        return;
    }
    for mode in ASKING {
        let rig = Rig::with_redis().await;
        assert_eq!(rig.redis.as_ref().unwrap().kind, Kind::Local);
        let (one, other) =
            (rig.replica(&with(mode)).await, rig.replica(&with(mode)).await);
        let pair = well_known(&rig, &other).await;
        assert!(is_good(&one, &pair).await);
        rig.say(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
        revoke(&one, pair.access_token.expose(), &request()).await.unwrap();
        for _ in 0..20 {
            assert!(!is_good(&one, &pair).await, "{mode:?}: where it was revoked");
            assert!(!is_good(&other, &pair).await, "{mode:?}: elsewhere");
        }
        rig.say(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
        for _ in 0..20 {
            assert!(!is_good(&other, &pair).await, "{mode:?}: when it writes again");
        }
    }
}

/// A replica that was stopped for a while, or whose records are slow.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_heard_nothing_lately_asks_the_records() {
    for mode in ASKING {
        let rig = Rig::with_redis().await;
        let other = rig.replica(&with(mode)).await;
        let pair = well_known(&rig, &other).await;
        other.stop_listening();
        let (_died, _untold) = rig.write_end_of_alice(&other).await;
        tokio::time::sleep(KNOWN_AFTER).await;
        assert!(!is_good(&other, &pair).await, "{mode:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_nobody_answers_goes_on_with_what_redis_says() {
    for mode in ASKING {
        let rig = Rig::with_redis().await;
        let (replica, records) = rig.replica_and_records(&with(mode)).await;
        let pair = well_known(&rig, &replica).await;
        replica.stop_listening();
        tokio::time::sleep(KNOWN_AFTER).await;
        records.close().await;
        let begun = tokio::time::Instant::now();
        assert!(is_good(&replica, &pair).await, "{mode:?}: nobody contradicts it");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
