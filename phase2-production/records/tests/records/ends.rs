//! What ended, as those hear of it who keep copies.

use crate::seed::{NOW, by, in_org_of, log_in, member, people, proof, run};
use crate::store::{Store, on_both};
use records::ends::End;
use records::revoked::{self, Denied};
use records::{Records, Scope, sessions};

on_both! {
    sessions_that_ended_are_heard_of_oldest_first_in_every_organisation,
    what_was_denied_is_heard_of_by_its_name,
    of_ends_at_one_moment_none_is_left_out,
}

async fn end(records: &Records, secret: &str, at: i64) {
    let sent = proof(secret);
    assert!(run!(records, by(secret), |tx| sessions::revoke(tx, &sent, at)).unwrap());
}

async fn deny(records: &Records, jti: &str, at: i64) {
    let token =
        Denied { issuer: "lab".to_owned(), jti: jti.to_owned(), expires_at: at + 9 };
    let t1 = member("alice").organisation;
    let denied =
        run!(records, in_org_of("alice"), |tx| revoked::deny(tx, &t1, &token, at));
    assert!(denied.unwrap());
}

async fn ended_after(records: &Records, end: &End) -> Vec<End> {
    let end = end.clone();
    let heard = records.listen(Scope::Housekeeping, move |tx| {
        Box::pin(async move { sessions::ended_after(tx, &end).await })
    });
    heard.await.unwrap()
}

async fn denied_after(records: &Records, end: &End) -> Vec<String> {
    let end = end.clone();
    let heard = records.listen(Scope::Housekeeping, move |tx| {
        Box::pin(async move { revoked::denied_after(tx, &end).await })
    });
    heard.await.unwrap().into_iter().map(|end| end.name).collect()
}

async fn sessions_that_ended_are_heard_of_oldest_first_in_every_organisation(
    store: Store,
) {
    people(&store).await;
    for (who, secret) in [("alice", "a"), ("bob", "b"), ("carol", "c"), ("bob", "lives")]
    {
        log_in(&store.records, who, secret).await;
    }
    for (secret, at) in [("c", NOW + 3), ("a", NOW + 1), ("b", NOW + 2)] {
        end(&store.records, secret, at).await;
    }
    let of = |secret: &str, at| End { at, name: proof(secret) };
    let all = [of("a", NOW + 1), of("b", NOW + 2), of("c", NOW + 3)];
    let other = store.another().await;
    assert_eq!(ended_after(&other, &End::before(NOW)).await, all);
    assert_eq!(ended_after(&other, &End::before(NOW + 2)).await, all[1..]);
    assert_eq!(ended_after(&other, &all[1]).await, all[2..], "the next page");
    assert_eq!(ended_after(&other, &all[2]).await, []);
}

async fn what_was_denied_is_heard_of_by_its_name(store: Store) {
    people(&store).await;
    deny(&store.records, "later", NOW + 1).await;
    deny(&store.records, "sooner", NOW).await;
    let heard = denied_after(&store.another().await, &End::before(NOW)).await;
    assert_eq!(heard, ["sooner", "later"]);
}

async fn of_ends_at_one_moment_none_is_left_out(store: Store) {
    people(&store).await;
    for jti in ["1", "2", "3"] {
        deny(&store.records, jti, NOW).await;
    }
    let mut last = End::before(NOW);
    for expected in [["1", "2", "3"].as_slice(), &["2", "3"], &["3"], &[]] {
        assert_eq!(denied_after(&store.records, &last).await, expected);
        last.name = expected.first().map(|name| (*name).to_owned()).unwrap_or_default();
    }
}
