//! Refresh tokens: one for the next, and what a second use means.

use super::rig::{Rig, alice, args, eventually, is_good, request, with};
use crate::config::proofs::{Revocation, TokenArgs};
use crate::faults::Busy;
use crate::tokens::{Issued, TokenError, Tokens, now};
use records::Scope;
use std::time::Duration;

async fn refresh(replica: &Tokens, pair: &Issued) -> Result<Issued, TokenError> {
    replica.refresh(pair.refresh_token.expose(), &request()).await
}

fn is_invalid(outcome: &Result<Issued, TokenError>) -> bool {
    matches!(outcome, Err(TokenError::Invalid))
}

/// No grace at all: the second use is a theft.
fn strict() -> TokenArgs {
    TokenArgs { refresh_grace_ms: 0, ..args() }
}

#[tokio::test]
async fn each_refresh_gives_a_new_pair_on_whatever_replica() {
    let rig = Rig::without_redis().await;
    let (one, two) = (rig.replica(&args()).await, rig.replica(&args()).await);
    let first = rig.log_in(&one).await;
    let second = refresh(&two, &first).await.unwrap();
    let third = refresh(&one, &second).await.unwrap();
    assert!(first.refresh_token != second.refresh_token);
    assert!(second.refresh_token != third.refresh_token);
    for (replica, pair) in [(&two, &first), (&one, &second), (&two, &third)] {
        assert!(is_good(replica, pair).await);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again_with_the_same_successor() {
    let rig = Rig::without_redis().await;
    let (one, two) = (rig.replica(&args()).await, rig.replica(&args()).await);
    let first = rig.log_in(&one).await;
    let lost = refresh(&one, &first).await.unwrap();
    let again = refresh(&two, &first).await.unwrap();
    assert!(lost.refresh_token == again.refresh_token);
    assert!(is_good(&one, &again).await);
    assert!(refresh(&one, &again).await.is_ok(), "the family lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_refreshes_at_the_same_moment_all_get_one_successor_and_nobody_is_a_thief() {
    let rig = Rig::on_postgres_if_there_is_one().await;
    let replicas = [
        rig.replica(&args()).await,
        rig.replica(&args()).await,
        rig.replica(&args()).await,
    ];
    for _round in 0..10 {
        let first = rig.log_in(&replicas[0]).await;
        let asked = replicas.iter().cycle().take(9).map(|replica| {
            let (replica, first) = (replica.clone(), first.clone());
            tokio::spawn(async move { refresh(&replica, &first).await.unwrap() })
        });
        let mut successors = Vec::new();
        for one in asked.collect::<Vec<_>>() {
            successors.push(one.await.unwrap());
        }
        let (first, rest) = successors.split_first().unwrap();
        assert!(rest.iter().all(|one| one.refresh_token == first.refresh_token));
        assert!(refresh(&replicas[1], first).await.is_ok());
    }
}

#[tokio::test]
async fn a_second_use_after_the_grace_ends_the_family_and_its_access_tokens() {
    let rig = Rig::without_redis().await;
    let (one, two) = (rig.replica(&strict()).await, rig.replica(&strict()).await);
    let bystander = rig.log_in(&one).await;
    let stolen = rig.log_in(&one).await;
    let successor = refresh(&one, &stolen).await.unwrap();
    assert!(is_invalid(&refresh(&two, &stolen).await), "the second use");
    assert!(is_invalid(&refresh(&one, &successor).await), "the successor");
    assert!(!is_good(&one, &successor).await && !is_good(&two, &stolen).await);
    assert!(is_good(&one, &bystander).await);
    assert!(refresh(&two, &bystander).await.is_ok(), "another login of the same user");
    let records = rig.records().await;
    let audit = records.run(Scope::Organisation(alice().organisation), |tx| {
        Box::pin(async move {
            records::audit::list(tx, &alice().organisation, 200, None).await
        })
    });
    let actions: Vec<_> =
        audit.await.unwrap().into_iter().map(|row| row.action).collect();
    assert_eq!(actions, ["token.revoked", "token.issued", "token.issued"]);
}

/// A thief hangs up as soon as the theft may have been noticed.
#[tokio::test]
async fn a_theft_ends_the_access_tokens_also_if_the_thief_goes_away() {
    let rig = Rig::without_redis().await;
    let replica = rig.replica(&strict()).await;
    let stolen = rig.log_in(&replica).await;
    let successor = refresh(&replica, &stolen).await.unwrap();
    let busy = Busy::with(&rig.records().await).await;
    let asked = refresh(&replica, &stolen);
    let answer = tokio::time::timeout(Duration::from_millis(200), asked).await;
    assert!(answer.is_err(), "the records are busy");
    assert!(is_good(&replica, &successor).await);
    busy.end().await;
    let dead = || async { !is_good(&replica, &successor).await };
    eventually("its access token is dead", dead).await;
    assert!(is_invalid(&refresh(&replica, &successor).await));
}

#[tokio::test]
async fn the_grace_has_an_end() {
    let rig = Rig::without_redis().await;
    let short = TokenArgs { refresh_grace_ms: 300, ..args() };
    let replica = rig.replica(&short).await;
    let first = rig.log_in(&replica).await;
    assert!(refresh(&replica, &first).await.is_ok());
    let used = now();
    while now() <= used + 300 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(is_invalid(&refresh(&replica, &first).await));
}

#[tokio::test]
async fn a_family_ends_with_its_time_however_often_it_was_refreshed() {
    let rig = Rig::without_redis().await;
    let short = TokenArgs { refresh_ttl_ms: 600, ..args() };
    let replica = rig.replica(&short).await;
    let mut pair = rig.log_in(&replica).await;
    let born = now();
    let ended = loop {
        match refresh(&replica, &pair).await {
            Ok(next) => pair = next,
            Err(error) => break error,
        }
        assert!(now() < born + 10_000, "refreshed for ever");
    };
    assert!(matches!(ended, TokenError::Expired), "{ended}");
    assert!(now() >= born + 500);
}

#[tokio::test]
async fn neither_kind_of_token_passes_for_the_other() {
    let rig = Rig::without_redis().await;
    let replica = rig.replica(&args()).await;
    let pair = rig.log_in(&replica).await;
    let swapped = Issued {
        access_token: pair.refresh_token.clone(),
        refresh_token: pair.access_token.clone(),
        expires_in: 0,
    };
    assert!(!is_good(&replica, &swapped).await);
    assert!(is_invalid(&refresh(&replica, &swapped).await));
}

#[tokio::test]
async fn who_was_signed_out_since_the_password_was_checked_gets_no_tokens() {
    let rig = Rig::without_redis().await;
    let replica = rig.replica(&with(Revocation::None)).await;
    let (epoch, pair) = (rig.epoch().await, rig.log_in(&replica).await);
    rig.sign_out_everywhere(&replica).await;
    assert!(is_invalid(&replica.issue(&alice(), epoch, &request()).await));
    assert!(is_invalid(&refresh(&replica, &pair).await));
    assert!(refresh(&replica, &rig.log_in(&replica).await).await.is_ok());
}
