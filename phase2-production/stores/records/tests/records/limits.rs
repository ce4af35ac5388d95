//! Limits of files, open uploads and names in a session; and polling for recent files.

use crate::files::{audit_row, new_file, store, used};
use crate::seed::{
    NOW, QUOTA, add_accounts, credential_hash, in_org_of, log_in, member, org, run,
    scope_of,
};
use crate::store::{Store, on_both};
use crate::uploads::{LIFE, find, start, upload};
use api_contract::sessions::MAX_SESSION_FILES;
use records::files::{NewFile, RecentFile, Stored};
use records::quota::{Allowance, Usage};
use records::uploads::{MAX_OPEN_UPLOADS, Removal, Started, Upload};
use records::{Scope, files, sessions, uploads};
use upload_domain::file_id::FileId;

on_both!(
    expired_upload_frees_its_slot,
    expired_upload_frees_its_reserved_bytes,
    empty_files_count_against_the_quota,
    migration_counts_existing_files,
    session_lists_its_newest_files,
    recent_files_are_found_by_time_and_organisation,
);

/// An upload that starts when those of [`upload`] have expired.
fn later(size: u64) -> Upload {
    let at = (NOW + LIFE).cast_unsigned();
    Upload { created_at: at, expires_at: at + 1_000, ..upload(size, None) }
}

async fn expired_upload_frees_its_slot(database: Store) {
    add_accounts(&database).await;
    let first = upload(QUOTA.bytes, None);
    assert_eq!(start(&database.records, &first).await, Started::Yes);
    for _ in 1..MAX_OPEN_UPLOADS {
        assert_eq!(start(&database.records, &upload(0, None)).await, Started::Yes);
    }
    let just_before = Upload { created_at: first.expires_at - 1, ..later(0) };
    assert_eq!(start(&database.records, &just_before).await, Started::TooMany);
    assert_eq!(start(&database.records, &later(QUOTA.bytes)).await, Started::Yes);
    assert_eq!(start(&database.records, &later(1)).await, Started::QuotaExceeded);
    assert_eq!(find(&database.records, first.upload_id).await, None, "it is removed");
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { reserved: QUOTA.bytes, ..Usage::default() });
}

async fn expired_upload_frees_its_reserved_bytes(database: Store) {
    add_accounts(&database).await;
    start(&database.records, &upload(QUOTA.bytes, None)).await;
    let at = |at: i64| {
        let mut file = new_file("alice", 10, None);
        file.meta.uploaded_at = at.cast_unsigned();
        file
    };
    let stored = async |file: NewFile| store(&database.records, file).await.unwrap();
    assert_eq!(stored(at(NOW + LIFE - 1)).await, Stored::QuotaExceeded);
    assert_eq!(stored(at(NOW + LIFE)).await, Stored::Yes);
    let usage = used(&database.records, "alice").await;
    assert_eq!(usage, Usage { used: 10, ..Usage::default() });
}

/// A quota of three files.
const THREE: Allowance = Allowance { files: 3, ..QUOTA };

fn empty() -> NewFile {
    NewFile { quota: THREE, ..new_file("alice", 0, None) }
}

async fn begin(database: &Store) -> (Started, FileId) {
    let (begun, owner) = (upload(0, None), member("alice"));
    let cause = audit_row("alice", "upload.started", begun.upload_id);
    let id = begun.upload_id;
    let started = run!(database.records, in_org_of("alice"), |tx| uploads::start(
        tx, &owner, &begun, THREE, &cause
    ));
    (started.unwrap(), id)
}

async fn abort(database: &Store, upload_id: FileId) {
    let cause = audit_row("alice", "upload.aborted", upload_id);
    let aborted = run!(database.records, in_org_of("alice"), |tx| async move {
        uploads::remove(tx, &member("alice"), upload_id, Removal::Aborted(&cause)).await
    });
    aborted.unwrap().expect("it was there");
}

async fn empty_files_count_against_the_quota(database: Store) {
    add_accounts(&database).await;
    let stored = async |file| store(&database.records, file).await.unwrap();
    let gone = empty();
    let id = gone.meta.file_id;
    assert_eq!(stored(gone).await, Stored::Yes);
    assert_eq!(stored(empty()).await, Stored::Yes);
    let (begun, upload_id) = begin(&database).await;
    assert_eq!(begun, Started::Yes);
    let refused = stored(empty()).await;
    assert_eq!(refused, Stored::QuotaExceeded, "two files and an upload count as three");
    assert_eq!(begin(&database).await.0, Started::QuotaExceeded);
    let (cause, owner) = (audit_row("alice", "file.deleted", id), member("alice"));
    run!(database.records, in_org_of("alice"), |tx| files::delete(
        tx, &owner, id, &cause
    ))
    .unwrap()
    .expect("it was there");
    assert_eq!(stored(empty()).await, Stored::Yes, "a deletion frees a slot");
    abort(&database, upload_id).await;
    let (begun, upload_id) = begin(&database).await;
    assert_eq!(begun, Started::Yes, "an abort frees a slot");
    let done = run!(database.records, in_org_of("alice"), |tx| async move {
        uploads::complete(tx, upload_id, &new_file("alice", 0, None)).await
    });
    assert_eq!(done.unwrap(), Stored::Yes);
    let refused = stored(empty()).await;
    assert_eq!(refused, Stored::QuotaExceeded, "the completed file still counts");
}

/// As under a program that did not count files.
async fn migration_counts_existing_files(database: Store) {
    add_accounts(&database).await;
    store(&database.records, new_file("alice", 0, None)).await.unwrap();
    start(&database.records, &upload(0, None)).await;
    let script = match database.records.is_postgres() {
        true => include_str!("../../migrations/postgres/0006_limits.sql"),
        false => include_str!("../../migrations/sqlite/0006_limits.sql"),
    };
    let mut owner = database.owner().await;
    for undone in
        ["DROP INDEX files_by_upload_time", "ALTER TABLE quotas DROP COLUMN files"]
    {
        sqlx::raw_sql(undone).execute(&mut owner).await.unwrap();
    }
    sqlx::raw_sql(script).execute(&mut owner).await.unwrap();
    let counted =
        sqlx::query_scalar::<_, i64>("SELECT CAST(SUM(files) AS BIGINT) FROM quotas");
    let counted = counted.fetch_one(&mut owner).await;
    assert_eq!(counted.unwrap(), 2);
}

async fn session_lists_its_newest_files(database: Store) {
    add_accounts(&database).await;
    let session = log_in(&database.records, "alice", "a session").await;
    let most = i64::try_from(MAX_SESSION_FILES).unwrap();
    for number in 0..most + 5 {
        let (hash, name) = (session.session_id_hash.clone(), number.to_string());
        run!(database.records, scope_of("a session"), |tx| sessions::add_file(
            tx, &hash, &name, NOW
        ))
        .unwrap()
        .expect("it is alive");
    }
    let sent = credential_hash("a session");
    let names =
        run!(database.records, scope_of("a session"), |tx| sessions::files(tx, &sent));
    let newest: Vec<_> = (5..most + 5).map(|number| number.to_string()).collect();
    assert_eq!(names.unwrap(), newest);
}

async fn recent(
    database: &Store,
    organisation: &str,
    owner: &str,
    since: i64,
) -> Vec<RecentFile> {
    let organisation = org(organisation);
    let owner = (!owner.is_empty()).then(|| member(owner).username);
    let found = database.records.read(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            files::stored_since(tx, &organisation, owner.as_ref(), since).await
        })
    });
    found.await.unwrap()
}

async fn recent_files_are_found_by_time_and_organisation(database: Store) {
    add_accounts(&database).await;
    let mut ids = Vec::new();
    // Started in this order, and finished in another one.
    for (owner, at) in [("alice", 7), ("bob", 5), ("carol", 6), ("alice", 3)] {
        let mut file = new_file(owner, 1, None);
        file.meta.uploaded_at = (NOW + at).cast_unsigned();
        ids.push(file.meta.file_id);
        assert_eq!(store(&database.records, file).await.unwrap(), Stored::Yes);
    }
    let found = async |organisation, owner, since| {
        let found = recent(&database, organisation, owner, NOW + since).await;
        found
            .into_iter()
            .map(|one| (one.owner.to_string(), one.file_id))
            .collect::<Vec<_>>()
    };
    let one = |owner: &str, number: usize| (owner.to_owned(), ids[number]);
    assert_eq!(found("t1", "", 4).await, [one("bob", 1), one("alice", 0)]);
    assert_eq!(found("t1", "", 3).await.len(), 3);
    assert_eq!(found("t1", "alice", 3).await, [one("alice", 3), one("alice", 0)]);
    assert_eq!(found("t2", "", 0).await, [one("carol", 2)]);
    assert_eq!(found("t2", "alice", 0).await, []);
}
