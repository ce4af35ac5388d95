//! How much there may be of everything: files, uploads under way, names in a session; and
//! what has come to be lately, which is looked for again and again.

use crate::files::{deed, new_file, store, used};
use crate::files_in_steps::{LIFE, find, start, upload};
use crate::seed::{NOW, QUOTA, by, in_org_of, log_in, member, org, people, proof, run};
use crate::store::{Store, on_both};
use api_contract::sessions::MOST_FILES_REMEMBERED;
use records::files::{Arrival, NewFile, Stored};
use records::quota::{Allowance, Usage};
use records::uploads::{MOST_OPEN, Removal, Started, Upload};
use records::{Scope, files, sessions, uploads};
use upload_domain::file_id::FileId;

on_both!(
    an_expired_upload_takes_nobodys_place,
    an_expired_upload_keeps_no_room_from_a_file,
    files_are_counted_whatever_their_size,
    what_was_there_before_files_were_counted_is_counted,
    a_session_remembers_the_newest_files,
    what_came_to_be_is_found_by_its_time_and_in_its_organisation,
);

/// An upload that begins when those of [`upload`] have expired.
fn later(size: u64) -> Upload {
    let at = (NOW + LIFE).cast_unsigned();
    Upload { created_at: at, expires_at: at + 1_000, ..upload(size, None) }
}

async fn an_expired_upload_takes_nobodys_place(place: Store) {
    people(&place).await;
    let first = upload(QUOTA.bytes, None);
    assert_eq!(start(&place.records, &first).await, Started::Yes);
    for _ in 1..MOST_OPEN {
        assert_eq!(start(&place.records, &upload(0, None)).await, Started::Yes);
    }
    let just_before = Upload { created_at: first.expires_at - 1, ..later(0) };
    assert_eq!(start(&place.records, &just_before).await, Started::TooMany);
    assert_eq!(start(&place.records, &later(QUOTA.bytes)).await, Started::Yes);
    assert_eq!(start(&place.records, &later(1)).await, Started::QuotaExceeded);
    assert_eq!(find(&place.records, first.upload_id).await, None, "it cannot come back");
    let usage = used(&place.records, "alice").await;
    assert_eq!(usage, Usage { reserved: QUOTA.bytes, ..Usage::default() });
}

async fn an_expired_upload_keeps_no_room_from_a_file(place: Store) {
    people(&place).await;
    start(&place.records, &upload(QUOTA.bytes, None)).await;
    let at = |at: i64| {
        let mut file = new_file("alice", 10, None);
        file.meta.uploaded_at = at.cast_unsigned();
        file
    };
    let stored = async |file: NewFile| store(&place.records, file).await.unwrap();
    assert_eq!(stored(at(NOW + LIFE - 1)).await, Stored::QuotaExceeded);
    assert_eq!(stored(at(NOW + LIFE)).await, Stored::Yes);
    let usage = used(&place.records, "alice").await;
    assert_eq!(usage, Usage { used: 10, ..Usage::default() });
}

/// Room for three files, of whatever size.
const THREE: Allowance = Allowance { files: 3, ..QUOTA };

fn empty() -> NewFile {
    NewFile { quota: THREE, ..new_file("alice", 0, None) }
}

async fn begin(place: &Store) -> (Started, FileId) {
    let (begun, owner) = (upload(0, None), member("alice"));
    let cause = deed("alice", "upload.started", begun.upload_id);
    let id = begun.upload_id;
    let started = run!(place.records, in_org_of("alice"), |tx| uploads::start(
        tx, &owner, &begun, THREE, &cause
    ));
    (started.unwrap(), id)
}

async fn give_up(place: &Store, upload_id: FileId) {
    let cause = deed("alice", "upload.aborted", upload_id);
    let given_up = run!(place.records, in_org_of("alice"), |tx| async move {
        uploads::remove(tx, &member("alice"), upload_id, Removal::GivenUp(&cause)).await
    });
    given_up.unwrap().expect("it was there");
}

async fn files_are_counted_whatever_their_size(place: Store) {
    people(&place).await;
    let stored = async |file| store(&place.records, file).await.unwrap();
    let gone = empty();
    let id = gone.meta.file_id;
    assert_eq!(stored(gone).await, Stored::Yes);
    assert_eq!(stored(empty()).await, Stored::Yes);
    let (begun, upload_id) = begin(&place).await;
    assert_eq!(begun, Started::Yes);
    let refused = stored(empty()).await;
    assert_eq!(refused, Stored::QuotaExceeded, "two files and an upload are three");
    assert_eq!(begin(&place).await.0, Started::QuotaExceeded);
    let (cause, owner) = (deed("alice", "file.deleted", id), member("alice"));
    run!(place.records, in_org_of("alice"), |tx| files::delete(tx, &owner, id, &cause))
        .unwrap()
        .expect("it was there");
    assert_eq!(stored(empty()).await, Stored::Yes, "what is deleted makes room");
    give_up(&place, upload_id).await;
    let (begun, upload_id) = begin(&place).await;
    assert_eq!(begun, Started::Yes, "what is given up makes room");
    let done = run!(place.records, in_org_of("alice"), |tx| async move {
        uploads::complete(tx, upload_id, &new_file("alice", 0, None)).await
    });
    assert_eq!(done.unwrap(), Stored::Yes);
    let refused = stored(empty()).await;
    assert_eq!(refused, Stored::QuotaExceeded, "what it has become stays counted");
}

/// As by a program that did not count.
async fn what_was_there_before_files_were_counted_is_counted(place: Store) {
    people(&place).await;
    store(&place.records, new_file("alice", 0, None)).await.unwrap();
    start(&place.records, &upload(0, None)).await;
    let script = match place.records.is_postgres() {
        true => include_str!("../../migrations/postgres/0006_limits.sql"),
        false => include_str!("../../migrations/sqlite/0006_limits.sql"),
    };
    let mut owner = place.owner().await;
    for undone in ["DROP INDEX files_by_arrival", "ALTER TABLE quotas DROP COLUMN files"]
    {
        sqlx::raw_sql(undone).execute(&mut owner).await.unwrap();
    }
    sqlx::raw_sql(script).execute(&mut owner).await.unwrap();
    let counted =
        sqlx::query_scalar::<_, i64>("SELECT CAST(SUM(files) AS BIGINT) FROM quotas");
    let counted = counted.fetch_one(&mut owner).await;
    assert_eq!(counted.unwrap(), 2);
}

async fn a_session_remembers_the_newest_files(place: Store) {
    people(&place).await;
    let session = log_in(&place.records, "alice", "a session").await;
    let most = i64::try_from(MOST_FILES_REMEMBERED).unwrap();
    for number in 0..most + 5 {
        let (proof, name) = (session.proof.clone(), number.to_string());
        run!(place.records, by("a session"), |tx| sessions::add_file(
            tx, &proof, &name, NOW
        ))
        .unwrap()
        .expect("it is alive");
    }
    let sent = proof("a session");
    let names = run!(place.records, by("a session"), |tx| sessions::files(tx, &sent));
    let newest: Vec<_> = (5..most + 5).map(|number| number.to_string()).collect();
    assert_eq!(names.unwrap(), newest);
}

async fn arrived(
    place: &Store,
    organisation: &str,
    whose: &str,
    since: i64,
) -> Vec<Arrival> {
    let organisation = org(organisation);
    let whose = (!whose.is_empty()).then(|| member(whose).username);
    let found = place.records.look(Scope::Housekeeping, move |tx| {
        Box::pin(async move {
            files::arrivals(tx, &organisation, whose.as_ref(), since).await
        })
    });
    found.await.unwrap()
}

async fn what_came_to_be_is_found_by_its_time_and_in_its_organisation(place: Store) {
    people(&place).await;
    let mut ids = Vec::new();
    // Begun in this order, and finished in another one.
    for (owner, at) in [("alice", 7), ("bob", 5), ("carol", 6), ("alice", 3)] {
        let mut file = new_file(owner, 1, None);
        file.meta.uploaded_at = (NOW + at).cast_unsigned();
        ids.push(file.meta.file_id);
        assert_eq!(store(&place.records, file).await.unwrap(), Stored::Yes);
    }
    let found = async |organisation, whose, since| {
        let found = arrived(&place, organisation, whose, NOW + since).await;
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
