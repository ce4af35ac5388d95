//! What each kind of revocation ends, what it does not, and what happens without Redis.

use super::rig::{Rig, args, eventually, is_good, request, revoke, with};
use crate::config::proofs::{Revocation, TokenArgs};
use crate::tokens::{Issued, TokenError, Tokens};

/// The same user on two devices, and a replica that has seen both.
struct Two {
    rig: Rig,
    one: Tokens,
    other: Tokens,
    phone: Issued,
    laptop: Issued,
}

async fn two(rig: Rig, revocation: Revocation) -> Two {
    let (one, other) =
        (rig.replica(&with(revocation)).await, rig.replica(&with(revocation)).await);
    let (phone, laptop) = (rig.log_in(&one).await, rig.log_in(&other).await);
    for replica in [&one, &other] {
        assert!(is_good(replica, &phone).await && is_good(replica, &laptop).await);
    }
    Two { rig, one, other, phone, laptop }
}

impl Two {
    /// Whether the access token of each device is good, on both replicas.
    async fn good(&self) -> (bool, bool) {
        let here = (
            is_good(&self.one, &self.phone).await,
            is_good(&self.one, &self.laptop).await,
        );
        let there = (
            is_good(&self.other, &self.phone).await,
            is_good(&self.other, &self.laptop).await,
        );
        assert_eq!(here, there, "the replicas disagree");
        here
    }

    async fn refreshes(&self, pair: &Issued) -> bool {
        self.other.refresh(pair.refresh_token.expose(), &request()).await.is_ok()
    }
}

async fn log_out_with(two: &Two, token: &api_contract::secret::Secret) {
    revoke(&two.one, token.expose(), &request()).await.unwrap();
}

/// What a logout with `phone`'s access token leaves good: access of phone, of laptop, and
/// refresh of laptop.
async fn after_logout(rig: Rig, revocation: Revocation) -> (bool, bool, bool) {
    let two = two(rig, revocation).await;
    log_out_with(&two, &two.phone.access_token).await;
    assert!(!two.refreshes(&two.phone).await, "the family dies in every mode");
    let (phone, laptop) = two.good().await;
    (phone, laptop, two.refreshes(&two.laptop).await)
}

const TABLE: [(Revocation, (bool, bool, bool)); 5] = [
    (Revocation::None, (true, true, true)),
    (Revocation::ShortLived, (true, true, true)),
    (Revocation::DenyList, (false, true, true)),
    (Revocation::TokenVersion, (false, false, false)),
    (Revocation::Combined, (false, true, true)),
];

#[tokio::test]
async fn a_logout_ends_what_the_mode_can_end_and_no_more() {
    for (mode, expected) in TABLE {
        let left = after_logout(Rig::with_redis().await, mode).await;
        assert_eq!(left, expected, "{mode:?} with Redis");
        let left = after_logout(Rig::without_redis().await, mode).await;
        assert_eq!(left, expected, "{mode:?} without Redis");
    }
}

#[tokio::test]
async fn a_logout_with_the_refresh_token_ends_the_access_tokens_too() {
    for (mode, (phone, laptop, _)) in TABLE {
        let two = two(Rig::with_redis().await, mode).await;
        let second = two.one.refresh(two.phone.refresh_token.expose(), &request()).await;
        log_out_with(&two, &two.phone.refresh_token).await;
        assert_eq!(two.good().await, (phone, laptop), "{mode:?}");
        assert_eq!(is_good(&two.other, &second.unwrap()).await, phone, "{mode:?}");
    }
}

#[tokio::test]
async fn signed_out_everywhere_means_everywhere_where_anything_is_asked() {
    for (mode, (phone, _, _)) in TABLE {
        let two = two(Rig::with_redis().await, mode).await;
        two.rig.sign_out_everywhere(&two.one).await;
        assert_eq!(two.good().await, (phone, phone), "{mode:?}");
        assert!(!two.refreshes(&two.laptop).await);
        let later = two.rig.log_in(&two.other).await;
        assert!(is_good(&two.one, &later).await, "{mode:?}: a new login");
    }
}

#[tokio::test]
async fn a_token_that_nothing_can_end_lives_for_a_minute_at_most() {
    let rig = Rig::without_redis().await;
    let short = rig.replica(&with(Revocation::ShortLived)).await;
    assert_eq!(rig.log_in(&short).await.expires_in, 60);
    let long = rig.replica(&args()).await;
    assert_eq!(rig.log_in(&long).await.expires_in, 900);
}

/// What a request costs once Redis knows: with the records gone, all goes on.
#[tokio::test]
async fn a_check_needs_redis_and_not_the_records() {
    let modes = [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined];
    for mode in modes {
        let rig = Rig::with_redis().await;
        let (replica, records) = rig.replica_and_records(&with(mode)).await;
        let pair = rig.log_in(&replica).await;
        // The first asks the records, and so may the second: Redis remembers from now on.
        assert!(is_good(&replica, &pair).await && is_good(&replica, &pair).await);
        records.close().await;
        for _ in 0..20 {
            assert!(is_good(&replica, &pair).await, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_when_redis_is_emptied() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let two = two(Rig::with_redis().await, mode).await;
        log_out_with(&two, &two.phone.access_token).await;
        let before = two.good().await;
        let url = &two.rig.redis.as_ref().unwrap().url;
        let client = redis::Client::open(url.as_str()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let _: () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
        for _ in 0..3 {
            assert_eq!(two.good().await, before, "{mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_records_answer_and_a_logout_still_counts() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let two = two(Rig::with_redis().await, mode).await;
        let redis = two.rig.redis.as_ref().unwrap();
        redis.pause().await.unwrap();
        log_out_with(&two, &two.phone.access_token).await;
        let coarse = mode == Revocation::TokenVersion;
        assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis paused");
        redis.resume().await.unwrap();
        for _ in 0..5 {
            assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis awake");
        }
        redis.kill9().await.unwrap();
        assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis killed");
    }
}

#[tokio::test]
async fn when_nobody_can_be_asked_the_answer_is_neither_yes_nor_no() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let rig = Rig::with_redis().await;
        let (replica, records) = rig.replica_and_records(&with(mode)).await;
        let pair = rig.log_in(&replica).await;
        assert!(is_good(&replica, &pair).await);
        rig.redis.as_ref().unwrap().kill9().await.unwrap();
        records.close().await;
        let asked = || async {
            let outcome = replica.check(pair.access_token.expose()).await;
            matches!(outcome, Err(TokenError::CannotKnow))
        };
        eventually("that cannot be known", asked).await;
        let revoked = revoke(&replica, pair.access_token.expose(), &request()).await;
        assert!(revoked.is_err(), "nothing is promised that was not written");
    }
}

#[tokio::test]
async fn what_nobody_knows_is_revoked_already() {
    let rig = Rig::without_redis().await;
    let replica = rig.replica(&args()).await;
    for token in ["", "a.b.c", &"A".repeat(43)] {
        revoke(&replica, token, &request()).await.unwrap();
    }
}

#[tokio::test]
async fn a_logout_with_an_access_token_that_has_expired_ends_its_family() {
    let rig = Rig::without_redis().await;
    let short = TokenArgs { token_ttl_ms: 1, ..args() };
    let replica = rig.replica(&short).await;
    let pair = rig.log_in(&replica).await;
    let expired = || async {
        let checked = replica.check(pair.access_token.expose()).await;
        matches!(checked, Err(TokenError::Expired))
    };
    eventually("it has expired", expired).await;
    revoke(&replica, pair.access_token.expose(), &request()).await.unwrap();
    let refreshed = replica.refresh(pair.refresh_token.expose(), &request()).await;
    assert!(matches!(refreshed, Err(TokenError::Invalid)), "its family lives");
}

/// With versions alone each logout ends everything of the user, and so each needs what the
/// other has.
#[tokio::test(flavor = "multi_thread")]
async fn devices_that_log_out_at_once_do_not_wait_for_each_other() {
    let rig = Rig::on_postgres_if_there_is_one().await;
    let args = TokenArgs { refresh_grace_ms: 0, ..with(Revocation::TokenVersion) };
    let replicas = [rig.replica(&args).await, rig.replica(&args).await];
    for _round in 0..20 {
        let mut devices = Vec::new();
        for device in 0..6 {
            let replica = replicas[device % 2].clone();
            let pair = rig.log_in(&replica).await;
            if device >= 4 {
                // Theirs were stolen: what ends them is a second use.
                replica.refresh(pair.refresh_token.expose(), &request()).await.unwrap();
            }
            devices.push((device, replica, pair));
        }
        let ends = devices.into_iter().map(|(device, replica, pair)| {
            tokio::spawn(async move {
                if device < 4 {
                    return revoke(&replica, pair.access_token.expose(), &request())
                        .await;
                }
                let refresh_token = pair.refresh_token.expose();
                match replica.refresh(refresh_token, &request()).await {
                    Err(TokenError::Invalid) => Ok(()),
                    other => other.map(|_pair| panic!("refreshed twice")),
                }
            })
        });
        for end in ends.collect::<Vec<_>>() {
            end.await.unwrap().unwrap();
        }
    }
}
