//! A migration of a Postgres that is in use: the connections have prepared statements with
//! the old types, and every statement still succeeds, once.

use crate::files::{audit_row, new_file, store};
use crate::seed::{
    IDLE, LIFE, NOW, accounts, audited_requests, credential_hash, find, in_org_of,
    log_in, member, name, org, run, scope_of, start_family, write,
};
use crate::store::{Store, fresh_database, patient};
use crate::uploads::{start, upload};
use records::files::Stored;
use records::refresh::{Rotated, Rotation};
use records::revoked::Denied;
use records::sessions::Found;
use records::signing_keys::SigningKey;
use records::uploads::{Part, Removal, Started};
use records::{AnyConnection, PoolLimits, Records, RecordsError, Scope};
use records::{files, idempotency, quota, refresh, revocations, revoked, sessions};
use records::{signing_keys, uploads, users};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use upload_domain::file_id::FileId;

/// One connection, so that every statement meets the statements prepared before.
async fn one_connection(store: &Store) -> Records {
    let limits = PoolLimits { connections: 1, ..patient() };
    let records = Records::open(&store.app_url, limits).await.unwrap();
    let accounts = accounts();
    run!(records, Scope::Housekeeping, |tx| users::import(tx, &accounts, NOW)).unwrap();
    records
}

/// Every statement of the module `files`, and those of `idempotency` and `quota`.
async fn use_files(records: &Records, round: &str) {
    let file = new_file("alice", 1, Some(round));
    let id = file.meta.file_id;
    assert_eq!(store(records, file.clone()).await.unwrap(), Stored::Yes);
    let repeated = store(records, new_file("alice", 1, Some(round))).await.unwrap();
    assert!(matches!(repeated, Stored::Repeated { .. }), "{repeated:?}");
    let alice = member("alice");
    let found = run!(records, in_org_of("alice"), |tx| files::find(tx, &alice, id));
    assert_eq!(found.unwrap().unwrap().meta, file.meta);
    let alice = member("alice");
    let page =
        run!(records, in_org_of("alice"), |tx| files::list(tx, &alice, None, 1_000));
    assert!(page.unwrap().files.iter().any(|meta| meta.file_id == id));
    let recent = run!(records, Scope::Housekeeping, |tx| async move {
        files::stored_since(tx, &org("t1"), None, NOW).await
    });
    assert!(recent.unwrap().iter().any(|recent| recent.file_id == id));
    let key = file.blob_key;
    let named = run!(records, Scope::Housekeeping, |tx| files::is_named(tx, &key));
    assert!(named.unwrap());
    let cause = audit_row("alice", "file.deleted", id);
    let alice = member("alice");
    let deleted =
        run!(records, in_org_of("alice"), |tx| files::delete(tx, &alice, id, &cause));
    assert!(deleted.unwrap().is_some());
    let alice = member("alice");
    run!(records, in_org_of("alice"), |tx| quota::usage(tx, &alice)).unwrap();
    run!(records, Scope::Housekeeping, |tx| idempotency::sweep(tx, 0)).unwrap();
}

/// Every statement of the module `uploads`.
async fn use_uploads(records: &Records) {
    let new = upload(2, None);
    let id = new.upload_id;
    assert_eq!(start(records, &new).await, Started::Yes);
    let (to, blob_key) = (new.clone(), format!("parts/{}", FileId::new()));
    let part = Part { starts_at: 0, size: 2, blob_key };
    let added =
        run!(records, in_org_of("alice"), |tx| uploads::add_part(tx, &to, &part, NOW));
    assert!(added.unwrap());
    run!(records, in_org_of("alice"), |tx| async move {
        assert!(uploads::find(tx, &org("t1"), id).await?.is_some());
        assert_eq!(uploads::parts(tx, &org("t1"), id, 0).await?.len(), 1);
        let open = uploads::list(tx, &member("alice"), NOW).await?;
        assert!(open.iter().any(|open| open.upload_id == id));
        Ok(())
    })
    .unwrap();
    let complete =
        run!(records, Scope::Housekeeping, |tx| uploads::unfinished(tx, NOW, 100));
    assert!(complete.unwrap().iter().any(|complete| complete.upload_id == id));
    let late = NOW + LIFE;
    let expired = run!(records, Scope::Housekeeping, |tx| uploads::expired(tx, late, 10));
    assert!(!expired.unwrap().is_empty());
    let removed = run!(records, in_org_of("alice"), |tx| async move {
        uploads::remove(tx, &member("alice"), id, Removal::Expired(late)).await
    });
    assert!(removed.unwrap().is_some());
}

/// Every statement of the modules `sessions` and `users`, except for the sweep.
async fn use_sessions(records: &Records, round: &str) {
    let session = log_in(records, "alice", round).await;
    let hash = session.session_id_hash;
    let (first, second, third) = (hash.clone(), hash.clone(), hash.clone());
    let added =
        run!(records, scope_of(round), |tx| sessions::add_file(tx, &first, "a.txt", NOW));
    assert_eq!(added.unwrap(), Some(2));
    let names = run!(records, scope_of(round), |tx| sessions::files(tx, &second));
    assert_eq!(names.unwrap(), ["a.txt"]);
    assert!(
        run!(records, scope_of(round), |tx| sessions::record_use(tx, &third, NOW + 1))
            .unwrap()
    );
    assert!(matches!(find(records, round, NOW + 1).await, Found::Live(_)));
    let alive = run!(records, in_org_of("alice"), |tx| async move {
        sessions::of_user(tx, &org("t1"), &name("alice"), NOW).await
    });
    assert!(alive.unwrap().iter().any(|alive| alive.session_id_hash == hash));
    let ended = hash.clone();
    assert!(
        run!(records, in_org_of("alice"), |tx| sessions::revoke(tx, &ended, NOW + 2))
            .unwrap()
    );
    let since = revocations::Revocation::since(NOW);
    let revoked =
        run!(records, Scope::Housekeeping, |tx| sessions::revoked_after(tx, &since));
    assert!(revoked.unwrap().iter().any(|revoked| revoked.name == hash));
    let bob = name("bob");
    let found = run!(records, Scope::Login(name("bob")), |tx| users::find(tx, &bob));
    assert!(found.unwrap().is_some());
    let out = run!(records, in_org_of("bob"), |tx| async move {
        users::sign_out_everywhere(tx, &org("t1"), &name("bob"), NOW).await
    });
    assert!(out.unwrap().is_some());
}

/// Every statement of the modules `refresh` and `revoked`, except for the sweeps.
async fn use_tokens(records: &Records, round: &str) {
    let first = format!("first of {round}");
    assert!(start_family(records, "alice", &first).await);
    let rotation = Rotation {
        token_hash: credential_hash(&first),
        new_token_hash: credential_hash(&format!("second of {round}")),
        successor_sealed: "sealed".to_owned(),
        now: NOW,
        grace_ms: IDLE,
        max_tokens: 10,
    };
    let again = rotation.clone();
    let rotated = run!(records, scope_of(&first), |tx| refresh::rotate(tx, &rotation));
    assert!(matches!(rotated, Ok(Rotated::Rotated(_))), "{rotated:?}");
    let repeated = run!(records, scope_of(&first), |tx| refresh::rotate(tx, &again));
    assert!(matches!(repeated, Ok(Rotated::Repeated(..))), "{repeated:?}");
    let denied = Denied {
        issuer: "lab".to_owned(),
        jti: round.to_owned(),
        expires_at: NOW + LIFE,
    };
    let jti = round.to_owned();
    let is_denied = run!(records, in_org_of("alice"), |tx| async move {
        assert!(revoked::deny(tx, &org("t1"), &denied, NOW).await?);
        revoked::is_denied(tx, &org("t1"), "lab", &jti).await
    });
    assert!(is_denied.unwrap());
    let since = revocations::Revocation::since(NOW);
    run!(records, Scope::Housekeeping, |tx| revoked::denied_after(tx, &since)).unwrap();
}

async fn use_signing_keys(records: &Records, round: &str) {
    let key = SigningKey {
        kid: round.to_owned(),
        algorithm: "EdDSA".to_owned(),
        private_sealed: "sealed".to_owned(),
        public_jwk: "{}".to_owned(),
        created_at: NOW,
        signs_from: NOW,
        retires_at: None,
    };
    let kid = key.kid.clone();
    run!(records, Scope::Housekeeping, |tx| async move {
        signing_keys::lock(tx).await?;
        assert!(signing_keys::insert(tx, &key).await?);
        assert!(signing_keys::list(tx).await?.iter().any(|listed| listed.kid == kid));
        assert!(signing_keys::retire(tx, &kid, NOW).await?);
        Ok(())
    })
    .unwrap();
}

/// Uses every table. Panics at the first statement that fails.
async fn use_every_table(records: &Records, round: &str) {
    use_files(records, round).await;
    use_uploads(records).await;
    use_sessions(records, round).await;
    use_tokens(records, round).await;
    use_signing_keys(records, round).await;
    write(records, round).await.unwrap();
    assert_eq!(
        audited_requests(records).await.iter().filter(|id| *id == round).count(),
        1
    );
    records.now().await.unwrap();
}

async fn execute(owner: &mut AnyConnection, statement: &str) {
    let done = owner.execute(AssertSqlSafe(statement.to_owned())).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn tables(owner: &mut AnyConnection) -> Vec<String> {
    let tables = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' \
         AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '%sqlx%' \
         ORDER BY relname",
    );
    tables.fetch_all(owner).await.unwrap()
}

/// Columns that can be narrow at first: row security compares none of them, and the rows of
/// these tests fit.
const COLUMNS: [(&str, &str, [&str; 2]); 12] = [
    ("files", "size", ["INTEGER", "BIGINT"]),
    ("files", "name", ["VARCHAR(200)", "TEXT"]),
    ("uploads", "size", ["INTEGER", "BIGINT"]),
    ("uploads", "content_type", ["VARCHAR(50)", "VARCHAR(500)"]),
    ("upload_parts", "starts_at", ["INTEGER", "BIGINT"]),
    ("quotas", "used_bytes", ["INTEGER", "BIGINT"]),
    ("sessions", "version", ["INTEGER", "BIGINT"]),
    ("session_files", "name", ["VARCHAR(200)", "TEXT"]),
    ("users", "epoch", ["INTEGER", "BIGINT"]),
    ("refresh_tokens", "successor_sealed", ["VARCHAR(100)", "TEXT"]),
    ("signing_keys", "algorithm", ["VARCHAR(10)", "TEXT"]),
    ("idempotency_keys", "answer", ["VARCHAR(500)", "TEXT"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn added_and_dropped_columns_fail_no_statement() {
    let Some(store) = Store::postgres().await else { return };
    let (records, mut owner) = (one_connection(&store).await, store.owner().await);
    use_every_table(&records, "before").await;
    let tables = tables(&mut owner).await;
    for table in &tables {
        execute(&mut owner, &format!("ALTER TABLE {table} ADD COLUMN later BIGINT"))
            .await;
    }
    use_every_table(&records, "added").await;
    for table in &tables {
        execute(&mut owner, &format!("ALTER TABLE {table} DROP COLUMN later")).await;
    }
    use_every_table(&records, "dropped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn widened_columns_fail_no_statement() {
    let Some(store) = Store::postgres().await else { return };
    let (records, mut owner) = (one_connection(&store).await, store.owner().await);
    use_every_table(&records, "before").await;
    for step in [0, 1] {
        for (table, column, types) in COLUMNS {
            let alter = format!("ALTER TABLE {table} ALTER COLUMN {column}");
            execute(&mut owner, &format!("{alter} TYPE {}", types[step])).await;
        }
        use_every_table(&records, &format!("step {step}")).await;
    }
}

/// A connection pooler, or an administrator, can discard the prepared statements.
#[tokio::test(flavor = "multi_thread")]
async fn discarded_prepared_statements_fail_no_statement() {
    let Some(store) = Store::postgres().await else { return };
    let records = one_connection(&store).await;
    use_every_table(&records, "before").await;
    for discard in ["DEALLOCATE ALL", "DEALLOCATE ALL; SELECT 1"] {
        let discarded = records.read(Scope::Housekeeping, move |tx| {
            Box::pin(async move { Ok(tx.execute(discard).await.map(drop)?) })
        });
        discarded.await.unwrap();
        use_every_table(&records, discard).await;
    }
}

/// The rows that a repeated transaction wrote in its first attempt were rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn repeated_transaction_takes_effect_once() {
    let Some(store) = Store::postgres().await else { return };
    let (records, mut owner) = (one_connection(&store).await, store.owner().await);
    let runs = Arc::new(AtomicU32::new(0));
    let step = async |request: &str| {
        let (runs, row) = (runs.clone(), crate::seed::audit_row("t1", request));
        let done = records.run(in_org_of("alice"), move |tx| {
            Box::pin(async move {
                runs.fetch_add(1, Ordering::Relaxed);
                records::audit::write(tx, &row).await?;
                let epochs =
                    "SELECT epoch FROM users WHERE username = 'alice' AND $1 = 1";
                Ok(sqlx::query(epochs).bind(1_i64).fetch_all(tx).await.map(drop)?)
            })
        });
        done.await
    };
    step("before").await.unwrap();
    let narrow = "ALTER TABLE users ALTER COLUMN epoch TYPE INTEGER";
    execute(&mut owner, narrow).await;
    step("after").await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 3, "the second step ran twice");
    assert_eq!(audited_requests(&records).await, ["after", "before"]);
}

/// The work of a transaction that fails for its own reason runs once.
#[tokio::test(flavor = "multi_thread")]
async fn failure_of_the_work_is_not_repeated() {
    let Some(store) = Store::postgres().await else { return };
    let records = one_connection(&store).await;
    let statements = [
        "SELECT 1 / 0",
        "SELECT missing FROM users",
        "INSERT INTO organisations VALUES ('t1', 1)",
        "UPDATE users SET username = 'x'",
    ];
    for statement in statements {
        let runs = Arc::new(AtomicU32::new(0));
        let counter = runs.clone();
        let failed = records.run(in_org_of("alice"), move |tx| {
            Box::pin(async move {
                counter.fetch_add(1, Ordering::Relaxed);
                Ok(tx.execute(statement).await.map(drop)?)
            })
        });
        let error = failed.await.unwrap_err();
        assert!(matches!(error, RecordsError::Broken(_)), "{statement}: {error:?}");
        assert_eq!(runs.load(Ordering::Relaxed), 1, "{statement}");
    }
}

/// Two transactions that lock in opposite order: Postgres ends one, and it is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn deadlock_with_a_migration_is_repeated() {
    let Some(store) = Store::postgres().await else { return };
    let (records, mut owner) = (one_connection(&store).await, store.owner().await);
    owner.execute("SET deadlock_timeout = '30s'").await.unwrap();
    owner.execute("BEGIN; LOCK TABLE files IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let counter = runs.clone();
    let request = tokio::spawn({
        let records = records.clone();
        async move {
            let done = records.run(in_org_of("alice"), move |tx| {
                Box::pin(async move {
                    counter.fetch_add(1, Ordering::Relaxed);
                    users::find(tx, &name("alice")).await?;
                    files::list(tx, &member("alice"), None, 1).await
                })
            });
            done.await
        }
    });
    until_locked(&mut store.owner().await).await;
    owner.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").await.unwrap();
    owner.execute("COMMIT").await.unwrap();
    request.await.unwrap().unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
}

/// Waits until a process waits for a lock on a table of this database.
async fn until_locked(watcher: &mut AnyConnection) {
    let waits = "SELECT COUNT(*) FROM pg_locks JOIN pg_database ON oid = database \
         WHERE NOT granted AND relation IS NOT NULL AND datname = current_database()";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut *watcher).await.unwrap() == 0
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// While a migration waits for a table that another transaction reads, all later readers of
/// that table wait behind it. So it waits for a short time only, and tries again.
#[tokio::test(flavor = "multi_thread")]
async fn waiting_migration_blocks_no_request() {
    // Creates the role upload_app, which the migrations need.
    let Some(_other_database) = Store::postgres().await else { return };
    let owner_url = fresh_database().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let connect = async || AnyConnection::connect(&owner_url).await.unwrap();
    let mut owner = connect().await;
    let old = Migrator::new(folder).await.unwrap();
    old.run_direct(Some(6), &mut owner, false).await.unwrap();
    owner.execute("BEGIN; SELECT COUNT(*) FROM sessions").await.unwrap();
    let migrating = tokio::spawn({
        let owner_url = owner_url.clone();
        async move { Records::migrate(&owner_url).await }
    });
    let (mut reader, mut watcher) = (connect().await, connect().await);
    reader.execute("SET statement_timeout = '1s'").await.unwrap();
    for _ in 0..4 {
        until_locked(&mut watcher).await;
        reader.execute("SELECT COUNT(*) FROM sessions").await.unwrap();
    }
    owner.execute("COMMIT").await.unwrap();
    migrating.await.unwrap().unwrap();
}
