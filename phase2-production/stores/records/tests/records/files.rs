//! Files, idempotency keys and quotas: atomic writes, exact under concurrency.

use crate::seed::{
    NOW, QUOTA, add_accounts, credential_hash, in_org_of, log_in, member, run, scope_of,
};
use crate::store::{Store, on_both};
use futures_util::future::join_all;
use records::audit::AuditRow;
use records::files::{NewFile, Stored};
use records::quota::Usage;
use records::{Records, RecordsError, Scope, audit, files, idempotency, quota, sessions};
use std::time::{Duration, Instant};
use upload_domain::display_name::DisplayName;
use upload_domain::file_id::FileId;
use upload_domain::file_store::FileMeta;

on_both!(
    stored_file_reads_back_unchanged,
    page_lists_newest_first_and_links_the_next,
    file_is_visible_to_its_owner_only,
    repeated_idempotency_key_returns_first_response,
    parallel_uploads_with_one_key_store_one_file,
    late_retry_does_not_restore_deleted_file,
    file_and_session_list_commit_together,
    quota_is_exact_under_parallel_uploads,
    refused_upload_writes_nothing,
    file_past_its_deadline_is_not_stored,
    parallel_deletions_refund_quota_once,
    janitor_finds_the_row_of_a_blob,
    old_idempotency_keys_are_swept,
);

/// A new file of `owner` with its own blob key.
pub(crate) fn new_file(owner: &str, size: u64, key: Option<&str>) -> NewFile {
    let file_id = FileId::new();
    NewFile {
        owner: member(owner),
        meta: FileMeta {
            file_id,
            name: DisplayName::from_client("a.txt"),
            size,
            content_type: "text/plain".to_owned(),
            sha256: credential_hash("the bytes"),
            uploaded_at: NOW.cast_unsigned(),
        },
        blob_key: format!("files/t1/{file_id}"),
        answer: format!("{{\"file_id\": \"{file_id}\"}}"),
        key: key.map(credential_hash),
        session: None,
        quota: QUOTA,
        not_after: Instant::now() + Duration::from_secs(60),
        not_after_ms: i64::MAX,
        epoch: None,
        form: None,
        audit: audit_row(owner, "file.stored", file_id),
    }
}

pub(crate) fn audit_row(owner: &str, action: &str, subject: FileId) -> AuditRow {
    AuditRow {
        action: action.to_owned(),
        subject: subject.to_string(),
        ..crate::seed::audit_row(member(owner).organisation.as_str(), "request-1")
    }
}

pub(crate) async fn store(
    records: &Records,
    file: NewFile,
) -> Result<Stored, RecordsError> {
    let scope = Scope::Organisation(file.owner.organisation.clone());
    run!(records, scope, |tx| files::store(tx, &file))
}

pub(crate) async fn used(records: &Records, owner: &'static str) -> Usage {
    run!(records, in_org_of(owner), |tx| quota::usage(tx, &member(owner))).unwrap()
}

async fn listed(records: &Records, owner: &'static str) -> Vec<FileId> {
    let page =
        run!(records, in_org_of(owner), |tx| files::list(tx, &member(owner), None, 100));
    page.unwrap().files.into_iter().map(|meta| meta.file_id).collect()
}

async fn delete(records: &Records, owner: &'static str, id: FileId) -> bool {
    let cause = audit_row(owner, "file.deleted", id);
    let gone = run!(records, in_org_of(owner), |tx| files::delete(
        tx,
        &member(owner),
        id,
        &cause
    ));
    gone.unwrap().is_some()
}

async fn audited_actions(records: &Records) -> Vec<(String, String)> {
    let rows = run!(records, in_org_of("alice"), |tx| audit::list(
        tx,
        &member("alice").organisation,
        1_000,
        None
    ));
    rows.unwrap().into_iter().map(|row| (row.action, row.subject)).collect()
}

async fn stored_file_reads_back_unchanged(database: Store) {
    add_accounts(&database).await;
    let file = new_file("alice", 10, None);
    assert_eq!(store(&database.records, file.clone()).await.unwrap(), Stored::Yes);
    let id = file.meta.file_id;
    let found = run!(database.records, in_org_of("alice"), |tx| files::find(
        tx,
        &member("alice"),
        id
    ));
    let found = found.unwrap().expect("the file");
    assert_eq!((found.meta, found.blob_key), (file.meta, file.blob_key));
    assert_eq!(used(&database.records, "alice").await.used, 10);
    let expected = ("file.stored".to_owned(), id.to_string());
    assert_eq!(audited_actions(&database.records).await, [expected]);
}

async fn page_lists_newest_first_and_links_the_next(database: Store) {
    add_accounts(&database).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let file = new_file("alice", 1, None);
        ids.insert(0, file.meta.file_id);
        store(&database.records, file).await.unwrap();
    }
    let (mut after, mut seen) = (None, Vec::new());
    for (count, more) in [(2, true), (2, true), (1, false)] {
        let page = run!(database.records, in_org_of("alice"), |tx| files::list(
            tx,
            &member("alice"),
            after,
            2
        ));
        let page = page.unwrap();
        assert_eq!((page.files.len(), page.next.is_some()), (count, more));
        seen.extend(page.files.into_iter().map(|meta| meta.file_id));
        after = page.next;
    }
    assert_eq!(seen, ids);
}

async fn file_is_visible_to_its_owner_only(database: Store) {
    add_accounts(&database).await;
    let file = new_file("alice", 10, None);
    let id = file.meta.file_id;
    store(&database.records, file).await.unwrap();
    for other in ["bob", "carol"] {
        assert_eq!(listed(&database.records, other).await, []);
        assert!(!delete(&database.records, other, id).await);
        let found = run!(database.records, in_org_of(other), |tx| files::find(
            tx,
            &member(other),
            id
        ));
        assert_eq!(found.unwrap(), None);
    }
    assert_eq!(listed(&database.records, "alice").await, [id]);
}

async fn repeated_idempotency_key_returns_first_response(database: Store) {
    add_accounts(&database).await;
    let first = new_file("alice", 10, Some("k"));
    let answer = first.answer.clone();
    assert_eq!(store(&database.records, first).await.unwrap(), Stored::Yes);
    let again = store(&database.records, new_file("alice", 10, Some("k"))).await;
    assert_eq!(again.unwrap(), Stored::Repeated { answer });
    let mut other = new_file("alice", 10, Some("k"));
    other.meta.sha256 = credential_hash("other bytes");
    assert_eq!(store(&database.records, other).await.unwrap(), Stored::KeyReused);
    let bobs = store(&database.records, new_file("bob", 10, Some("k"))).await;
    assert_eq!(bobs.unwrap(), Stored::Yes);
    assert_eq!(used(&database.records, "alice").await.used, 10);
}

async fn parallel_uploads_with_one_key_store_one_file(database: Store) {
    add_accounts(&database).await;
    let replicas = database.three().await;
    for round in 1..=5 {
        let key = format!("key {round}");
        let attempts =
            (0..20).map(|n| store(&replicas[n % 3], new_file("alice", 1, Some(&key))));
        let outcomes = join_all(attempts).await;
        let made =
            outcomes.iter().filter(|outcome| matches!(outcome, Ok(Stored::Yes))).count();
        assert_eq!(made, 1, "{outcomes:?}");
        let repeated = |outcome: &Result<Stored, _>| {
            matches!(outcome, Ok(Stored::Yes | Stored::Repeated { .. }))
        };
        assert!(outcomes.iter().all(repeated), "{outcomes:?}");
        assert_eq!(listed(&database.records, "alice").await.len(), round);
    }
}

async fn file_and_session_list_commit_together(store: Store) {
    add_accounts(&store).await;
    log_in(&store.records, "alice", "one").await;
    let mut new = new_file("alice", 10, Some("key"));
    new.session = Some(credential_hash("one"));
    let stored = |file: NewFile| {
        let records = store.records.clone();
        async move { run!(records, in_org_of("alice"), |tx| files::store(tx, &file)).unwrap() }
    };
    assert_eq!(stored(new.clone()).await, Stored::Yes);
    let repeated = stored(new).await;
    assert!(matches!(repeated, Stored::Repeated { .. }), "{repeated:?}");
    let mut late = new_file("alice", 10, None);
    late.session = Some(credential_hash("no session"));
    assert_eq!(
        stored(late).await,
        Stored::Yes,
        "a dead session does not prevent the upload"
    );
    let sent = credential_hash("one");
    let names =
        run!(store.records, scope_of("one"), |tx| sessions::files(tx, &sent)).unwrap();
    assert_eq!(names, ["a.txt"]);
}

async fn late_retry_does_not_restore_deleted_file(database: Store) {
    add_accounts(&database).await;
    let first = new_file("alice", 10, Some("k"));
    let (id, answer) = (first.meta.file_id, first.answer.clone());
    store(&database.records, first).await.unwrap();
    assert!(delete(&database.records, "alice", id).await);
    let retried = store(&database.records, new_file("alice", 10, Some("k"))).await;
    assert_eq!(retried.unwrap(), Stored::Repeated { answer });
    assert_eq!(listed(&database.records, "alice").await, []);
    assert_eq!(used(&database.records, "alice").await, Usage::default());
}

/// 40 uploads of 100 bytes on three replicas, with space for ten.
async fn quota_is_exact_under_parallel_uploads(database: Store) {
    add_accounts(&database).await;
    let replicas = database.three().await;
    let attempts = (0..40).map(|n| store(&replicas[n % 3], new_file("alice", 100, None)));
    let outcomes = join_all(attempts).await;
    let count = |stored: &Stored| {
        outcomes.iter().filter(|outcome| outcome.as_ref().ok() == Some(stored)).count()
    };
    assert_eq!((count(&Stored::Yes), count(&Stored::QuotaExceeded)), (10, 30));
    assert_eq!(listed(&database.records, "alice").await.len(), 10);
    assert_eq!(used(&database.records, "alice").await.used, 1_000);
}

async fn refused_upload_writes_nothing(database: Store) {
    add_accounts(&database).await;
    let refused = store(&database.records, new_file("alice", 1_001, Some("k"))).await;
    assert_eq!(refused.unwrap(), Stored::QuotaExceeded);
    assert_eq!(listed(&database.records, "alice").await, []);
    assert_eq!(audited_actions(&database.records).await, []);
    assert_eq!(used(&database.records, "alice").await.used, 0);
    let smaller = store(&database.records, new_file("alice", 1_000, Some("k"))).await;
    assert_eq!(smaller.unwrap(), Stored::Yes, "the key was not used up");
}

async fn file_past_its_deadline_is_not_stored(database: Store) {
    add_accounts(&database).await;
    let mut file = new_file("alice", 1, None);
    file.not_after = Instant::now() - Duration::from_millis(1);
    assert_eq!(store(&database.records, file).await.unwrap(), Stored::TooLate);
    assert_eq!(listed(&database.records, "alice").await, []);
}

async fn parallel_deletions_refund_quota_once(database: Store) {
    add_accounts(&database).await;
    let (doomed, spared) = (new_file("alice", 600, None), new_file("alice", 400, None));
    let (id, kept) = (doomed.meta.file_id, spared.meta.file_id);
    store(&database.records, doomed).await.unwrap();
    store(&database.records, spared).await.unwrap();
    let replicas = database.three().await;
    let attempts = (0..10).map(|n| delete(&replicas[n % 3], "alice", id));
    let done = join_all(attempts).await.into_iter().filter(|done| *done).count();
    assert_eq!(done, 1);
    assert_eq!(used(&database.records, "alice").await.used, 400);
    assert_eq!(listed(&database.records, "alice").await, [kept]);
    let next = store(&database.records, new_file("alice", 600, None)).await;
    assert_eq!(next.unwrap(), Stored::Yes);
}

async fn janitor_finds_the_row_of_a_blob(database: Store) {
    add_accounts(&database).await;
    let file = new_file("alice", 10, None);
    let key = file.blob_key.clone();
    store(&database.records, file).await.unwrap();
    for (key, named) in [(key, true), ("files/t1/unknown".to_owned(), false)] {
        let scope = Scope::Housekeeping;
        let found = run!(database.records, scope, |tx| files::is_named(tx, &key));
        assert_eq!(found.unwrap(), named);
    }
}

async fn old_idempotency_keys_are_swept(database: Store) {
    add_accounts(&database).await;
    let first_use = database.records.now().await.unwrap();
    store(&database.records, new_file("alice", 10, Some("k"))).await.unwrap();
    // The key has the database's time, although the file has another.
    for (before, gone) in [(first_use, 0), (i64::MAX, 1)] {
        let scope = Scope::Housekeeping;
        let swept = run!(database.records, scope, |tx| idempotency::sweep(tx, before));
        assert_eq!(swept.unwrap(), gone);
    }
    let next = store(&database.records, new_file("alice", 10, Some("k"))).await;
    assert_eq!(next.unwrap(), Stored::Yes);
}
