//! Uploads are charged, claimed and authorised in the database: reservations of forms,
//! claims, merged parts, and accounts that end meanwhile.

use crate::files::{new_file, store, used};
use crate::seed::{
    NOW, QUOTA, add_accounts, credential_hash, in_org_of, member, org, run,
};
use crate::store::{Store, on_both};
use crate::uploads::{LIFE, find, start, upload};
use futures_util::future::join_all;
use records::files::Stored;
use records::quota::Usage;
use records::uploads::claims::{self, Finishing, MayFinish, MayWrite};
use records::uploads::forms::{self, Reserved};
use records::uploads::{Appended, NewPart, Part, REMOVAL_BATCH_SIZE, Removal, Upload};
use records::{Records, authority, uploads, users};
use sqlx::Executor;
use std::time::Instant;
use upload_domain::file_id::FileId;

on_both!(
    form_reserves_no_more_than_the_quota_has_left,
    repetition_without_free_quota_waits_for_the_first_request,
    published_form_releases_its_reservation,
    expired_form_frees_its_quota,
    newest_writer_has_the_claim,
    one_of_many_requests_may_finish,
    abandoned_claim_expires,
    part_replaces_the_parts_it_repeats,
    bytes_of_a_disabled_account_do_not_count,
    file_past_its_deadline_by_the_database_clock_is_not_stored,
    upload_with_many_parts_is_removed_in_batches,
);

async fn reserve(records: &Records, id: FileId, wanted: u64) -> Reserved {
    let alice = member("alice");
    let scope = in_org_of("alice");
    run!(records, scope, |tx| forms::reserve(tx, &alice, id, wanted, QUOTA, None))
        .unwrap()
}

async fn extend(records: &Records, id: FileId, wanted: u64) -> Option<u64> {
    let alice = member("alice");
    let scope = in_org_of("alice");
    run!(records, scope, |tx| forms::extend(tx, &alice, id, wanted, QUOTA)).unwrap()
}

async fn form_reserves_no_more_than_the_quota_has_left(database: Store) {
    add_accounts(&database).await;
    let replicas = database.three().await;
    let ids: Vec<_> = (0..12).map(|_| FileId::new()).collect();
    let all = ids.iter().enumerate().map(|(n, id)| reserve(&replicas[n % 3], *id, 300));
    let bytes = join_all(all).await.into_iter().map(|reserved| match reserved {
        Reserved::Bytes(bytes) => bytes,
        _ => 0,
    });
    assert_eq!(bytes.sum::<u64>(), 1_000);
    assert_eq!(used(&database.records, "alice").await.reserved, 1_000);
    let small = FileId::new();
    assert_eq!(reserve(&database.records, small, 1).await, Reserved::QuotaExceeded);
    assert_eq!(find(&database.records, ids[0]).await, None, "a form is no upload");
}

/// The first request will answer for both. Without quota for a second copy the repetition
/// has to wait; that is no fault of the caller's quota.
async fn repetition_without_free_quota_waits_for_the_first_request(database: Store) {
    add_accounts(&database).await;
    let reserve = async |key: &'static str| {
        let (alice, id) = (member("alice"), FileId::new());
        let key = credential_hash(key);
        let scope = in_org_of("alice");
        run!(database.records, scope, |tx| forms::reserve(
            tx,
            &alice,
            id,
            600,
            QUOTA,
            Some(&key)
        ))
        .unwrap()
    };
    assert_eq!(reserve("one").await, Reserved::Bytes(600));
    assert_eq!(reserve("one").await, Reserved::KeyInUse);
    assert_eq!(reserve("two").await, Reserved::Bytes(400));
}

async fn published_form_releases_its_reservation(database: Store) {
    add_accounts(&database).await;
    let id = FileId::new();
    assert_eq!(reserve(&database.records, id, 100).await, Reserved::Bytes(100));
    assert_eq!(extend(&database.records, id, 900).await, Some(900));
    assert_eq!(extend(&database.records, id, 2_000).await, Some(1_000));
    let mut file = new_file("alice", 1_000, None);
    file.form = Some(id);
    assert_eq!(store(&database.records, file).await.unwrap(), Stored::Yes);
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { used: 1_000, ..Usage::default() });
    assert_eq!(extend(&database.records, id, 1).await, None);
}

async fn expired_form_frees_its_quota(database: Store) {
    add_accounts(&database).await;
    let id = FileId::new();
    assert_eq!(reserve(&database.records, id, 1_000).await, Reserved::Bytes(1_000));
    let mut owner = database.owner().await;
    owner.execute("UPDATE uploads SET expires_at = 1").await.unwrap();
    let next = FileId::new();
    assert_eq!(reserve(&database.records, next, 1_000).await, Reserved::Bytes(1_000));
    assert_eq!(extend(&database.records, id, 1).await, None);
}

async fn write(records: &Records, begun: &Upload, writer: &'static str) -> MayWrite {
    let (begun, scope) = (begun.clone(), in_org_of("alice"));
    run!(records, scope, |tx| claims::start_writing(tx, &begun, writer, Some(1))).unwrap()
}

async fn goes_on(records: &Records, begun: &Upload, writer: &'static str) -> MayWrite {
    let (begun, scope) = (begun.clone(), in_org_of("alice"));
    run!(records, scope, |tx| claims::may_go_on_writing(tx, &begun, writer, Some(1)))
        .unwrap()
}

async fn finish(records: &Records, begun: &Upload, finisher: &'static str) -> bool {
    may_finish(records, begun, finisher).await == MayFinish::Yes
}

async fn may_finish(
    records: &Records,
    begun: &Upload,
    finisher: &'static str,
) -> MayFinish {
    let (begun, scope) = (begun.clone(), in_org_of("alice"));
    run!(records, scope, |tx| claims::start_finishing(tx, &begun, finisher, Some(1)))
        .unwrap()
}

async fn newest_writer_has_the_claim(database: Store) {
    add_accounts(&database).await;
    let begun = upload(10, None);
    start(&database.records, &begun).await;
    assert_eq!(write(&database.records, &begun, "a").await, MayWrite::Yes);
    assert_eq!(write(&database.records, &begun, "b").await, MayWrite::Yes);
    assert_eq!(goes_on(&database.records, &begun, "a").await, MayWrite::Superseded);
    assert_eq!(goes_on(&database.records, &begun, "b").await, MayWrite::Yes);
    assert!(finish(&database.records, &begun, "c").await);
    assert_eq!(goes_on(&database.records, &begun, "b").await, MayWrite::Yes);
    assert_eq!(write(&database.records, &begun, "d").await, MayWrite::Superseded);
}

async fn one_of_many_requests_may_finish(database: Store) {
    add_accounts(&database).await;
    let begun = upload(10, None);
    start(&database.records, &begun).await;
    let replicas = database.three().await;
    let names = ["a", "b", "c", "d", "e", "f"];
    let all =
        names.iter().enumerate().map(|(n, name)| finish(&replicas[n % 3], &begun, name));
    let claimed = join_all(all).await;
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1, "{claimed:?}");
    let own = names[claimed.iter().position(|claimed| *claimed).unwrap()];
    assert!(finish(&database.records, &begun, own).await, "a renewal");
    let id = begun.upload_id;
    let scope = in_org_of("alice");
    let release = run!(database.records, scope, |tx| claims::stop_finishing(
        tx,
        &org("t1"),
        id,
        own
    ));
    release.unwrap();
    assert!(finish(&database.records, &begun, "next").await);
}

async fn abandoned_claim_expires(database: Store) {
    add_accounts(&database).await;
    let begun = upload(10, None);
    start(&database.records, &begun).await;
    assert!(finish(&database.records, &begun, "killed").await);
    let id = begun.upload_id;
    let state = async || {
        let scope = in_org_of("alice");
        run!(database.records, scope, |tx| claims::finishing(tx, &org("t1"), id)).unwrap()
    };
    assert_eq!(state().await, Finishing::Claimed);
    assert!(!finish(&database.records, &begun, "next").await);
    let mut owner = database.owner().await;
    owner.execute("UPDATE uploads SET finish_until = 1").await.unwrap();
    assert_eq!(state().await, Finishing::Unclaimed);
    assert!(finish(&database.records, &begun, "next").await);
    assert!(!finish(&database.records, &begun, "killed").await);
}

async fn append(
    records: &Records,
    to: &Upload,
    starts_at: u64,
    size: u64,
    offset: u64,
) -> Appended {
    let blob_key = format!("parts/t1/{starts_at}-{size}");
    let part = Part { starts_at, size, blob_key };
    let new = NewPart { part, offset, epoch: Some(1) };
    let (to, scope) = (to.clone(), in_org_of("alice"));
    run!(records, scope, |tx| uploads::append_part(tx, &to, &new, NOW)).unwrap()
}

async fn part_replaces_the_parts_it_repeats(database: Store) {
    add_accounts(&database).await;
    let begun = upload(10, None);
    start(&database.records, &begun).await;
    let yes = |keys: &[&str]| {
        Appended::Yes(keys.iter().map(|key| format!("parts/t1/{key}")).collect())
    };
    assert_eq!(append(&database.records, &begun, 0, 1, 0).await, yes(&[]));
    assert_eq!(append(&database.records, &begun, 0, 2, 1).await, yes(&["0-1"]));
    assert_eq!(append(&database.records, &begun, 2, 1, 2).await, yes(&[]));
    let Appended::Yes(mut both) = append(&database.records, &begun, 0, 4, 3).await else {
        panic!("it was not appended");
    };
    both.sort();
    assert_eq!(both, ["parts/t1/0-2", "parts/t1/2-1"]);
    assert_eq!(append(&database.records, &begun, 0, 5, 3).await, Appended::No);
    let now = find(&database.records, begun.upload_id).await.unwrap();
    assert_eq!(now.received, 4);
    let scope = in_org_of("alice");
    let id = begun.upload_id;
    let parts = run!(database.records, scope, |tx| uploads::parts(tx, &org("t1"), id, 0));
    assert_eq!(parts.unwrap().len(), 1);
}

async fn bytes_of_a_disabled_account_do_not_count(database: Store) {
    add_accounts(&database).await;
    let begun = upload(10, None);
    start(&database.records, &begun).await;
    let now = find(&database.records, begun.upload_id).await.unwrap();
    assert_eq!(now.epoch, Some(1));
    let scope = in_org_of("alice");
    let alice = member("alice");
    let disabled = run!(database.records, scope, |tx| users::set_disabled(
        tx,
        &org("t1"),
        &alice.username,
        true,
        NOW
    ));
    disabled.unwrap();
    let appended = append(&database.records, &begun, 0, 10, 0).await;
    assert_eq!(appended, Appended::AccountEnded);
    assert_eq!(write(&database.records, &begun, "a").await, MayWrite::AccountEnded);
    assert_eq!(goes_on(&database.records, &begun, "a").await, MayWrite::AccountEnded);
    let finishing = may_finish(&database.records, &begun, "a").await;
    assert_eq!(finishing, MayFinish::AccountEnded);
    let (alice, scope) = (member("alice"), in_org_of("alice"));
    let removes = run!(database.records, scope, |tx| authority::may_remove(tx, &alice));
    assert!(!removes.unwrap());
    let file = new_file("alice", 1, None);
    assert_eq!(store(&database.records, file).await.unwrap(), Stored::AccountEnded);
    let next = start(&database.records, &upload(1, None)).await;
    assert_eq!(next, uploads::Started::AccountEnded);
}

/// `Instant` stands still while the machine is suspended. Until then it says that there is
/// time left.
async fn file_past_its_deadline_by_the_database_clock_is_not_stored(database: Store) {
    add_accounts(&database).await;
    let mut file = new_file("alice", 1, None);
    assert!(file.not_after > Instant::now());
    file.not_after_ms = database.records.now().await.unwrap() - 1;
    assert_eq!(store(&database.records, file).await.unwrap(), Stored::TooLate);
}

async fn upload_with_many_parts_is_removed_in_batches(database: Store) {
    add_accounts(&database).await;
    let begun = upload(900, None);
    start(&database.records, &begun).await;
    let rows = REMOVAL_BATCH_SIZE as u64 * 2 + 1;
    let id = begun.upload_id;
    let mut owner = database.owner().await;
    let insert = format!(
        "WITH RECURSIVE at (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM at \
         WHERE n + 1 < {rows}) INSERT INTO upload_parts \
         (upload_id, organisation, starts_at, size, blob_key) \
         SELECT '{id}', 't1', n, 1, 'parts/t1/' || n FROM at"
    );
    owner.execute(sqlx::AssertSqlSafe(insert)).await.unwrap();
    let mut calls = Vec::new();
    loop {
        let scope = in_org_of("alice");
        let removed = run!(database.records, scope, |tx| async move {
            let reason = Removal::Expired(NOW + LIFE);
            uploads::remove(tx, &member("alice"), id, reason).await
        });
        let removed = removed.unwrap().expect("the upload");
        calls.push(removed.blobs.len());
        if removed.is_last {
            break;
        }
        assert_eq!(used(&database.records, "alice").await.reserved, 900);
    }
    assert_eq!(calls, [REMOVAL_BATCH_SIZE, REMOVAL_BATCH_SIZE, 1]);
    assert_eq!(used(&database.records, "alice").await, Usage::default());
}
