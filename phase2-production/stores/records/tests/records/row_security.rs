//! On Postgres the database itself separates organisations in every query.

use crate::seed::{
    LIFE, NOW, accounts, add_accounts, credential_hash, find, in_org_of, log_in, member,
    name, run, scope_of, start_family,
};
use crate::store::{Store, patient, private_postgres};
use records::sessions::Found;
use records::{AnyConnection, OrgId, Records, RecordsError, Scope, sessions, users};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// Tables about the schema itself, which every program reads at its start. They hold no
/// account's data.
const SCHEMA_TABLES: &str = "_sqlx_migrations schema_compatibility";

async fn tables(owner: &mut AnyConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'public'::regnamespace AND relname <> ALL (string_to_array($1, ' ')) ORDER BY relname",
    )
    .bind(SCHEMA_TABLES)
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn rows(connection: &mut AnyConnection, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(connection).await.unwrap()
}

/// A database with at least one row of t1 in every table.
async fn with_rows_everywhere() -> Option<(Store, Vec<String>)> {
    let store = Store::postgres().await?;
    add_accounts(&store).await;
    log_in(&store.records, "alice", "alice's").await;
    let sent = credential_hash("alice's");
    run!(store.records, scope_of("alice's"), |tx| sessions::add_file(
        tx, &sent, "a.txt", NOW
    ))
    .unwrap()
    .unwrap();
    assert!(start_family(&store.records, "alice", "alice's refresh").await);
    crate::seed::write(&store.records, "a request").await.unwrap();
    let mut owner = store.owner().await;
    owner.execute(include_str!("rows_of_t1.sql")).await.unwrap();
    let tables = tables(&mut owner).await;
    for table in &tables {
        assert!(rows(&mut owner, table).await > 0, "rows_of_t1.sql misses {table}");
    }
    Some((store, tables))
}

#[tokio::test]
async fn every_table_forces_row_security_and_has_another_owner() {
    let Some(store) = Store::postgres().await else { return };
    let mut owner = store.owner().await;
    assert!(tables(&mut owner).await.len() >= 14, "tables are missing");
    let not_forced: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'public'::regnamespace AND relname <> ALL (string_to_array($1, ' ')) \
         AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    .bind(SCHEMA_TABLES)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(not_forced, Vec::<String>::new(), "not forced");
    let powers: String = sqlx::query_scalar(
        "SELECT concat(rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, \
         rolreplication, EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid), \
         EXISTS (SELECT 1 FROM pg_auth_members WHERE member = pg_roles.oid)) \
         FROM pg_roles WHERE rolname = 'upload_app'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(powers, "fffffff", "of upload_app");
}

#[tokio::test]
async fn tables_are_empty_without_a_scope() {
    let Some((store, tables)) = with_rows_everywhere().await else { return };
    let mut app = AnyConnection::connect(&store.app_url).await.unwrap();
    for table in &tables {
        assert_eq!(rows(&mut app, table).await, 0, "{table}");
    }
    // The same on a connection that had a scope before: the setting is then empty, not
    // absent.
    let mut tx = app.begin().await.unwrap();
    tx.execute("SELECT set_config('app.organisation', 't1', true)").await.unwrap();
    assert!(rows(&mut tx, "users").await > 0);
    tx.commit().await.unwrap();
    for table in &tables {
        assert_eq!(rows(&mut app, table).await, 0, "{table} after a transaction");
    }
}

#[tokio::test]
async fn other_organisation_sees_and_changes_nothing() {
    let Some((store, tables)) = with_rows_everywhere().await else { return };
    let before = sizes(&store, &tables).await;
    let mut app = AnyConnection::connect(&store.app_url).await.unwrap();
    for table in &tables {
        let theirs = scoped_rows(&mut app, "t1", table).await;
        let of_the_service = ["signing_keys", "deployment"].contains(&table.as_str());
        assert_eq!(theirs > 0, !of_the_service, "{table} for its organisation");
        let own = i64::from(table == "users" || table == "organisations");
        assert_eq!(scoped_rows(&mut app, "t2", table).await, own, "{table} for t2");
        let mut tx = app.begin().await.unwrap();
        tx.execute("SELECT set_config('app.organisation', 't2', true)").await.unwrap();
        // Refused without the privilege, or without effect on rows that are not visible.
        let delete = format!("DELETE FROM {table}");
        if let Ok(deleted) = tx.execute(AssertSqlSafe(delete)).await {
            assert_eq!(deleted.rows_affected(), 0, "{table}");
        }
        tx.commit().await.unwrap();
    }
    assert_eq!(sizes(&store, &tables).await, before);
}

async fn sizes(store: &Store, tables: &[String]) -> Vec<i64> {
    let mut owner = store.owner().await;
    let mut sizes = Vec::new();
    for table in tables {
        sizes.push(rows(&mut owner, table).await);
    }
    sizes
}

async fn scoped_rows(app: &mut AnyConnection, organisation: &str, table: &str) -> i64 {
    let mut tx = app.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.organisation', $1, true)")
        .bind(organisation)
        .execute(&mut *tx)
        .await
        .unwrap();
    rows(&mut tx, table).await
}

async fn attempt(
    records: &Records,
    scope: Scope,
    statement: &'static str,
) -> Result<u64, RecordsError> {
    let changed = records.run(scope, move |tx| {
        Box::pin(async move { Ok(tx.execute(statement).await?.rows_affected()) })
    });
    changed.await
}

#[tokio::test]
async fn row_cannot_move_to_another_organisation() {
    let Some((store, _)) = with_rows_everywhere().await else { return };
    let foreign = "INSERT INTO audit (organisation, at, request_id, actor, action, subject) \
                   VALUES ('t1', 1, 'x', 'carol', 'x', 'x')";
    let t2 = Scope::Organisation(OrgId::parse("t2").unwrap());
    assert!(attempt(&store.records, t2, foreign).await.is_err());
    let moved = "UPDATE users SET organisation = 't1' WHERE username = 'carol'";
    assert!(attempt(&store.records, in_org_of("carol"), moved).await.is_err());
    let stolen = "UPDATE sessions SET username = 'carol'";
    assert!(attempt(&store.records, scope_of("alice's"), stolen).await.is_err());
    let longer = "UPDATE sessions SET expires_at = 9000000000000000000";
    assert!(attempt(&store.records, scope_of("alice's"), longer).await.is_err());
}

#[tokio::test]
async fn credential_hash_selects_its_own_row_only() {
    let Some((store, _)) = with_rows_everywhere().await else { return };
    log_in(&store.records, "bob", "bob's").await;
    let update = "UPDATE sessions SET version = version + 1";
    assert_eq!(attempt(&store.records, scope_of("alice's"), update).await.unwrap(), 1);
    assert_eq!(attempt(&store.records, scope_of("unknown"), update).await.unwrap(), 0);
    assert!(matches!(find(&store.records, "bob's", NOW).await, Found::Live(_)));
    let sent = credential_hash("bob's");
    let by_another =
        run!(store.records, scope_of("alice's"), |tx| sessions::revoke(tx, &sent, 1));
    assert!(!by_another.unwrap());
    let made = "INSERT INTO sessions (session_id_hash, organisation, username, role, epoch, \
                created_at, last_seen_at, expires_at, idle_ms) SELECT \
                current_setting('app.credential_hash'), 't1', 'alice', 'admin', 1, 1, 1, 9, 9";
    assert!(attempt(&store.records, scope_of("a new one"), made).await.is_err());
}

#[tokio::test]
async fn login_scope_sees_one_account_and_changes_none() {
    let Some((store, _)) = with_rows_everywhere().await else { return };
    let login = || Scope::Login(name("alice"));
    let bob = name("bob");
    assert!(run!(store.records, login(), |tx| users::find(tx, &bob)).unwrap().is_none());
    let t1 = member("alice").organisation;
    let seen = run!(store.records, login(), |tx| users::list(tx, &t1)).unwrap();
    assert_eq!(seen.len(), 1);
    let promoted = "UPDATE users SET role = 'admin'";
    assert_eq!(attempt(&store.records, login(), promoted).await.unwrap(), 0);
}

#[tokio::test]
async fn janitor_sees_no_accounts_and_audit_is_append_only() {
    let Some((store, _)) = with_rows_everywhere().await else { return };
    let t1 = member("alice").organisation;
    let seen = run!(store.records, Scope::Housekeeping, |tx| users::list(tx, &t1));
    assert_eq!(seen.unwrap().len(), 0);
    for statement in ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit"] {
        let rewritten = attempt(&store.records, in_org_of("alice"), statement).await;
        assert!(matches!(rewritten, Err(RecordsError::Broken(_))), "{statement}");
    }
}

/// As on a hosted database: FORCE also binds this owner, and foreign keys must still
/// work.
#[tokio::test]
async fn migration_needs_no_superuser() {
    let Some(server) = private_postgres().await else { return };
    let mut admin = AnyConnection::connect(&server.url).await.unwrap();
    for statement in [
        "CREATE ROLE hosted_owner LOGIN CREATEROLE PASSWORD 'x'",
        "CREATE DATABASE hosted OWNER hosted_owner",
    ] {
        admin.execute(statement).await.unwrap();
    }
    let (_, address) = server.url.split_once('@').unwrap();
    let address = address.replace("/postgres", "/hosted");
    let url = format!("postgres://hosted_owner:x@{address}");
    let app_url = Records::migrate(&url).await.unwrap().app_url;
    assert_eq!(Records::migrate(&url).await.unwrap().app_url, app_url);
    let records = Records::open(&app_url, patient()).await.unwrap();
    let accounts = accounts();
    run!(records, Scope::Housekeeping, |tx| users::import(tx, &accounts, NOW)).unwrap();
    log_in(&records, "alice", "s").await;
    let sent = credential_hash("s");
    run!(records, scope_of("s"), |tx| sessions::add_file(tx, &sent, "a.txt", NOW))
        .unwrap()
        .unwrap();
    let later = NOW + LIFE + 1;
    let swept = run!(records, Scope::Housekeeping, |tx| sessions::sweep(tx, later));
    assert_eq!(swept.unwrap(), 1, "with its files");
    let mut owner = AnyConnection::connect(&url).await.unwrap();
    assert_eq!(rows(&mut owner, "users").await, 0, "FORCE binds the owner");
}
