//! Uploads in steps: reservation, offsets, completion and removal.

use crate::files::{audit_row, new_file, used};
use crate::seed::{
    NOW, QUOTA, add_accounts, credential_hash, in_org_of, member, org, run,
};
use crate::store::{Store, on_both};
use futures_util::future::join_all;
use records::files::{NewFile, Stored};
use records::quota::Usage;
use records::uploads::{Kind, MAX_OPEN_UPLOADS, Part, Removal, Started, Upload};
use records::{Records, RecordsError, Scope, files, uploads};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;

on_both!(
    started_upload_reads_back_unchanged,
    announced_size_is_reserved_at_start,
    open_uploads_are_limited,
    one_of_two_parts_at_one_offset_is_stored,
    part_at_wrong_offset_changes_nothing,
    repeated_completion_stores_one_file,
    completion_with_used_key_stores_no_second_file,
    aborted_upload_releases_its_quota,
    expired_upload_is_removed_by_one_janitor,
    janitor_claims_unfinished_upload_once,
);

pub(crate) const LIFE: i64 = 1_000;

pub(crate) fn upload(size: u64, key: Option<&str>) -> Upload {
    Upload {
        upload_id: FileId::new(),
        kind: Kind::Tus,
        organisation: org("t1"),
        owner: member("alice").username,
        name: DisplayName::from_client("a.txt"),
        content_type: "text/plain".to_owned(),
        size,
        received: 0,
        blob_key: None,
        key: key.map(credential_hash),
        answer: None,
        created_at: NOW.cast_unsigned(),
        expires_at: (NOW + LIFE).cast_unsigned(),
        metadata: None,
        epoch: None,
    }
}

pub(crate) async fn start(records: &Records, upload: &Upload) -> Started {
    let (upload, cause) =
        (upload.clone(), audit_row("alice", "upload.started", upload.upload_id));
    let started = run!(records, in_org_of("alice"), |tx| uploads::start(
        tx,
        &member("alice"),
        &upload,
        QUOTA,
        &cause
    ));
    started.unwrap()
}

pub(crate) async fn find(records: &Records, id: FileId) -> Option<Upload> {
    run!(records, in_org_of("alice"), |tx| uploads::find(tx, &org("t1"), id)).unwrap()
}

async fn add(records: &Records, to: &Upload, at: u64, size: u64, now: i64) -> bool {
    let blob_key = format!("parts/t1/{}", FileId::new());
    let (to, part) = (to.clone(), Part { starts_at: at, size, blob_key });
    run!(records, in_org_of("alice"), |tx| uploads::add_part(tx, &to, &part, now))
        .unwrap()
}

async fn complete(
    records: &Records,
    id: FileId,
    file: NewFile,
) -> Result<Stored, RecordsError> {
    run!(records, in_org_of("alice"), |tx| uploads::complete(tx, id, &file))
}

async fn started_upload_reads_back_unchanged(database: Store) {
    add_accounts(&database).await;
    let mut begun = upload(10, Some("k"));
    begun.blob_key = Some("incoming/t1/x".to_owned());
    begun.kind = Kind::Presigned;
    begun.metadata = Some("filename YS50eHQ=,other".to_owned());
    assert_eq!(start(&database.records, &begun).await, Started::Yes);
    begun.epoch = Some(1);
    assert_eq!(find(&database.records, begun.upload_id).await.as_ref(), Some(&begun));
    let listed = run!(database.records, in_org_of("alice"), |tx| uploads::list(
        tx,
        &member("alice"),
        NOW
    ));
    assert_eq!(listed.unwrap(), [begun]);
    let bobs = run!(database.records, in_org_of("bob"), |tx| uploads::list(
        tx,
        &member("bob"),
        NOW
    ));
    assert_eq!(bobs.unwrap(), []);
}

async fn announced_size_is_reserved_at_start(database: Store) {
    add_accounts(&database).await;
    let replicas = database.three().await;
    let announced: Vec<_> = (0..15).map(|_| upload(100, None)).collect();
    let started =
        announced.iter().enumerate().map(|(n, one)| start(&replicas[n % 3], one));
    let begun = join_all(started).await;
    let refused = begun.iter().filter(|one| **one == Started::QuotaExceeded).count();
    assert_eq!(refused, 5, "{begun:?}");
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { reserved: 1_000, ..Usage::default() });
    let file = crate::files::store(&database.records, new_file("alice", 1, None)).await;
    assert_eq!(file.unwrap(), Stored::QuotaExceeded);
}

async fn open_uploads_are_limited(database: Store) {
    add_accounts(&database).await;
    for _ in 0..MAX_OPEN_UPLOADS {
        assert_eq!(start(&database.records, &upload(0, None)).await, Started::Yes);
    }
    assert_eq!(start(&database.records, &upload(0, None)).await, Started::TooMany);
}

async fn one_of_two_parts_at_one_offset_is_stored(database: Store) {
    add_accounts(&database).await;
    let begun = upload(100, None);
    start(&database.records, &begun).await;
    let replicas = database.three().await;
    for at in 0..10 {
        let attempts = (0..6).map(|n| add(&replicas[n % 3], &begun, at * 10, 10, NOW));
        let added = join_all(attempts).await.into_iter().filter(|added| *added).count();
        assert_eq!(added, 1, "at {at}");
    }
    let parts = run!(database.records, in_org_of("alice"), |tx| uploads::parts(
        tx,
        &org("t1"),
        begun.upload_id,
        0
    ));
    let starts: Vec<_> = parts.unwrap().into_iter().map(|part| part.starts_at).collect();
    assert_eq!(starts, (0..10).map(|at| at * 10).collect::<Vec<_>>());
}

async fn part_at_wrong_offset_changes_nothing(database: Store) {
    add_accounts(&database).await;
    let begun = upload(100, None);
    start(&database.records, &begun).await;
    assert!(add(&database.records, &begun, 0, 10, NOW).await);
    for (at, size, now) in
        [(0, 10, NOW), (9, 10, NOW), (20, 10, NOW), (10, 91, NOW), (10, 10, NOW + LIFE)]
    {
        assert!(!add(&database.records, &begun, at, size, now).await, "{at} {size}");
    }
    let now = find(&database.records, begun.upload_id).await.expect("the upload");
    assert_eq!(now.received, 10);
    assert!(add(&database.records, &begun, 10, 90, NOW).await);
}

async fn repeated_completion_stores_one_file(database: Store) {
    add_accounts(&database).await;
    let begun = upload(100, None);
    start(&database.records, &begun).await;
    add(&database.records, &begun, 0, 100, NOW).await;
    let replicas = database.three().await;
    let attempts = (0..6).map(|n| {
        complete(&replicas[n % 3], begun.upload_id, new_file("alice", 100, None))
    });
    let outcomes = join_all(attempts).await;
    let made = outcomes.iter().filter(|one| matches!(one, Ok(Stored::Yes))).count();
    assert_eq!(made, 1, "{outcomes:?}");
    let done = find(&database.records, begun.upload_id).await.expect("it stays known");
    let answer = done.answer.expect("it is done");
    let again =
        complete(&database.records, begun.upload_id, new_file("alice", 100, None));
    assert_eq!(again.await.unwrap(), Stored::Repeated { answer });
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { used: 100, ..Usage::default() });
    assert!(!add(&database.records, &begun, 100, 0, NOW).await, "it takes nothing more");
}

async fn completion_with_used_key_stores_no_second_file(database: Store) {
    add_accounts(&database).await;
    let first = new_file("alice", 100, Some("k"));
    let answer = first.answer.clone();
    crate::files::store(&database.records, first).await.unwrap();
    let begun = upload(100, Some("k"));
    start(&database.records, &begun).await;
    let done =
        complete(&database.records, begun.upload_id, new_file("alice", 100, Some("k")));
    assert_eq!(done.await.unwrap(), Stored::Repeated { answer: answer.clone() });
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { used: 100, ..Usage::default() });
    let known = find(&database.records, begun.upload_id).await.expect("it stays known");
    assert_eq!(known.answer, Some(answer));
    let unknown =
        complete(&database.records, FileId::new(), new_file("alice", 1, None)).await;
    assert_eq!(unknown.unwrap(), Stored::NoUpload);
}

async fn aborted_upload_releases_its_quota(database: Store) {
    add_accounts(&database).await;
    let mut begun = upload(100, None);
    begun.blob_key = Some("incoming/t1/x".to_owned());
    let id = begun.upload_id;
    start(&database.records, &begun).await;
    add(&database.records, &begun, 0, 10, NOW).await;
    let abort = async |username: &'static str| {
        let cause = audit_row(username, "upload.aborted", id);
        let removed = run!(database.records, in_org_of(username), |tx| async move {
            uploads::remove(tx, &member(username), id, Removal::Aborted(&cause)).await
        });
        removed.unwrap()
    };
    assert_eq!(abort("bob").await, None);
    let removed = abort("alice").await.expect("it was there");
    let keys = removed.blobs;
    assert_eq!((keys.len(), keys[1].as_str()), (2, "incoming/t1/x"));
    assert!(removed.is_last);
    assert_eq!(abort("alice").await, None);
    assert_eq!(used(&database.records, "alice").await, Usage::default());
    let scope = Scope::Housekeeping;
    let named = run!(database.records, scope, |tx| files::is_named(tx, &keys[0]));
    assert!(!named.unwrap());
}

async fn expired_upload_is_removed_by_one_janitor(database: Store) {
    add_accounts(&database).await;
    let (open, done) = (upload(100, None), upload(50, None));
    start(&database.records, &open).await;
    start(&database.records, &done).await;
    complete(&database.records, done.upload_id, new_file("alice", 50, None))
        .await
        .unwrap();
    let overdue = async |records: &Records, now: i64| {
        let scope = Scope::Housekeeping;
        run!(records, scope, |tx| uploads::expired(tx, now, 10)).unwrap()
    };
    assert_eq!(overdue(&database.records, NOW + LIFE - 1).await, []);
    let replicas = database.three().await;
    let removals = (0..3).map(async |n| {
        let mut removed = 0;
        for one in overdue(&replicas[n], NOW + LIFE).await {
            let gone = run!(replicas[n], in_org_of("alice"), |tx| async move {
                let reason = Removal::Expired(NOW + LIFE);
                uploads::remove(tx, &member("alice"), one.upload_id, reason).await
            });
            removed += usize::from(gone.unwrap().is_some());
        }
        removed
    });
    assert_eq!(join_all(removals).await.into_iter().sum::<usize>(), 2);
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { used: 50, ..Usage::default() });
}

async fn janitor_claims_unfinished_upload_once(database: Store) {
    add_accounts(&database).await;
    let (whole, half) = (upload(10, None), upload(10, None));
    start(&database.records, &whole).await;
    start(&database.records, &half).await;
    add(&database.records, &whole, 0, 10, NOW + 5).await;
    add(&database.records, &half, 0, 5, NOW).await;
    for (before, expected) in [(NOW + 4, vec![]), (NOW + 5, vec![whole.upload_id])] {
        let scope = Scope::Housekeeping;
        let found =
            run!(database.records, scope, |tx| uploads::unfinished(tx, before, 10));
        let ids: Vec<_> = found.unwrap().into_iter().map(|one| one.upload_id).collect();
        assert_eq!(ids, expected);
    }
    let replicas = database.three().await;
    let claims = replicas.iter().map(|records| {
        let whole = whole.clone();
        async move {
            let (before, now) = (NOW + 5, NOW + 10);
            let scope = in_org_of("alice");
            run!(records, scope, |tx| uploads::claim(tx, &whole, before, now)).unwrap()
        }
    });
    assert_eq!(join_all(claims).await.into_iter().filter(|claimed| *claimed).count(), 1);
}
