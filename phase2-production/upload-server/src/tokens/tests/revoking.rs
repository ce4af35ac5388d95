//! What each revocation mode ends, and its behaviour without Redis.

use super::cluster::{TestCluster, args, eventually, is_valid, request, revoke, with};
use crate::config::credentials::{Revocation, TokenArgs};
use crate::tokens::{Issued, TokenError, Tokens};

/// One user on two devices, and two replicas that have cached both tokens.
struct TwoDevices {
    cluster: TestCluster,
    one: Tokens,
    other: Tokens,
    phone: Issued,
    laptop: Issued,
}

async fn two(cluster: TestCluster, revocation: Revocation) -> TwoDevices {
    let (one, other) = (
        cluster.replica(&with(revocation)).await,
        cluster.replica(&with(revocation)).await,
    );
    let (phone, laptop) = (cluster.log_in(&one).await, cluster.log_in(&other).await);
    for replica in [&one, &other] {
        assert!(is_valid(replica, &phone).await && is_valid(replica, &laptop).await);
    }
    TwoDevices { cluster, one, other, phone, laptop }
}

impl TwoDevices {
    /// Whether each device's access token is valid, on both replicas.
    async fn good(&self) -> (bool, bool) {
        let here = (
            is_valid(&self.one, &self.phone).await,
            is_valid(&self.one, &self.laptop).await,
        );
        let there = (
            is_valid(&self.other, &self.phone).await,
            is_valid(&self.other, &self.laptop).await,
        );
        assert_eq!(here, there, "the replicas disagree");
        here
    }

    async fn refreshes(&self, pair: &Issued) -> bool {
        self.other.refresh(pair.refresh_token.expose(), &request()).await.is_ok()
    }
}

async fn log_out_with(two: &TwoDevices, token: &api_contract::secret::Secret) {
    revoke(&two.one, token.expose(), &request()).await.unwrap();
}

/// State after a logout with the phone's access token: access of the phone, access of the
/// laptop, refresh of the laptop.
async fn valid_after_logout(
    cluster: TestCluster,
    revocation: Revocation,
) -> (bool, bool, bool) {
    let two = two(cluster, revocation).await;
    log_out_with(&two, &two.phone.access_token).await;
    assert!(!two.refreshes(&two.phone).await, "every mode revokes the family");
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
async fn logout_revokes_as_much_as_the_mode_allows() {
    for (mode, expected) in TABLE {
        let valid = valid_after_logout(TestCluster::with_redis().await, mode).await;
        assert_eq!(valid, expected, "{mode:?} with Redis");
        let valid = valid_after_logout(TestCluster::without_redis().await, mode).await;
        assert_eq!(valid, expected, "{mode:?} without Redis");
    }
}

#[tokio::test]
async fn logout_with_refresh_token_revokes_access_tokens() {
    for (mode, (phone, laptop, _)) in TABLE {
        let two = two(TestCluster::with_redis().await, mode).await;
        let second = two.one.refresh(two.phone.refresh_token.expose(), &request()).await;
        log_out_with(&two, &two.phone.refresh_token).await;
        assert_eq!(two.good().await, (phone, laptop), "{mode:?}");
        assert_eq!(is_valid(&two.other, &second.unwrap()).await, phone, "{mode:?}");
    }
}

#[tokio::test]
async fn sign_out_everywhere_works_in_modes_with_lookup() {
    for (mode, (phone, _, _)) in TABLE {
        let two = two(TestCluster::with_redis().await, mode).await;
        two.cluster.sign_out_everywhere(&two.one).await;
        assert_eq!(two.good().await, (phone, phone), "{mode:?}");
        assert!(!two.refreshes(&two.laptop).await);
        let later = two.cluster.log_in(&two.other).await;
        assert!(is_valid(&two.one, &later).await, "{mode:?}: a new login");
    }
}

#[tokio::test]
async fn short_lived_tokens_expire_within_a_minute() {
    let cluster = TestCluster::without_redis().await;
    let short = cluster.replica(&with(Revocation::ShortLived)).await;
    assert_eq!(cluster.log_in(&short).await.expires_in, 60);
    let long = cluster.replica(&args()).await;
    assert_eq!(cluster.log_in(&long).await.expires_in, 900);
}

/// Once Redis is filled, requests need no database.
#[tokio::test]
async fn cached_check_needs_no_database() {
    let modes = [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined];
    for mode in modes {
        let cluster = TestCluster::with_redis().await;
        let (replica, records) = cluster.replica_and_records(&with(mode)).await;
        let pair = cluster.log_in(&replica).await;
        // The first two requests may ask the database; then Redis has the answer.
        assert!(is_valid(&replica, &pair).await && is_valid(&replica, &pair).await);
        records.close().await;
        for _ in 0..20 {
            assert!(is_valid(&replica, &pair).await, "{mode:?}");
        }
    }
}

#[tokio::test]
async fn revocation_survives_redis_data_loss() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let two = two(TestCluster::with_redis().await, mode).await;
        log_out_with(&two, &two.phone.access_token).await;
        let before = two.good().await;
        two.cluster.redis_command(&["FLUSHALL"]).await;
        for _ in 0..3 {
            assert_eq!(two.good().await, before, "{mode:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_without_redis_is_enforced_by_the_database() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let two = two(TestCluster::with_redis().await, mode).await;
        let redis = two.cluster.redis.as_ref().unwrap();
        redis.pause().await.unwrap();
        log_out_with(&two, &two.phone.access_token).await;
        let coarse = mode == Revocation::TokenVersion;
        assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis paused");
        redis.resume().await.unwrap();
        for _ in 0..5 {
            assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis resumed");
        }
        redis.kill9().await.unwrap();
        assert_eq!(two.good().await, (false, !coarse), "{mode:?}, Redis killed");
    }
}

#[tokio::test]
async fn unavailable_stores_return_unavailable_not_invalid() {
    for mode in [Revocation::DenyList, Revocation::TokenVersion, Revocation::Combined] {
        let cluster = TestCluster::with_redis().await;
        let (replica, records) = cluster.replica_and_records(&with(mode)).await;
        let pair = cluster.log_in(&replica).await;
        assert!(is_valid(&replica, &pair).await);
        cluster.redis.as_ref().unwrap().kill9().await.unwrap();
        records.close().await;
        let asked = || async {
            let outcome = replica.check(pair.access_token.expose()).await;
            matches!(outcome, Err(TokenError::Unavailable))
        };
        eventually("503 without any store", asked).await;
        let revoked = revoke(&replica, pair.access_token.expose(), &request()).await;
        assert!(revoked.is_err(), "an unwritten revocation was acknowledged");
    }
}

#[tokio::test]
async fn revoking_an_unknown_token_succeeds() {
    let cluster = TestCluster::without_redis().await;
    let replica = cluster.replica(&args()).await;
    for token in ["", "a.b.c", &"A".repeat(43)] {
        revoke(&replica, token, &request()).await.unwrap();
    }
}

#[tokio::test]
async fn logout_with_expired_access_token_revokes_its_family() {
    let cluster = TestCluster::without_redis().await;
    let short = TokenArgs { token_ttl_ms: 1, ..args() };
    let replica = cluster.replica(&short).await;
    let pair = cluster.log_in(&replica).await;
    let expired = || async {
        let checked = replica.check(pair.access_token.expose()).await;
        matches!(checked, Err(TokenError::Expired))
    };
    eventually("the token has expired", expired).await;
    revoke(&replica, pair.access_token.expose(), &request()).await.unwrap();
    let refreshed = replica.refresh(pair.refresh_token.expose(), &request()).await;
    assert!(matches!(refreshed, Err(TokenError::Invalid)), "the family is valid");
}

/// With versions alone each logout revokes all tokens of the user, so concurrent logouts
/// need each other's rows.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logouts_do_not_deadlock() {
    let cluster = TestCluster::on_best_database().await;
    let args = TokenArgs { refresh_grace_ms: 0, ..with(Revocation::TokenVersion) };
    let replicas = [cluster.replica(&args).await, cluster.replica(&args).await];
    for _round in 0..20 {
        let mut devices = Vec::new();
        for device in 0..6 {
            let replica = replicas[device % 2].clone();
            let pair = cluster.log_in(&replica).await;
            if device >= 4 {
                // These were stolen: a second use revokes them.
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
