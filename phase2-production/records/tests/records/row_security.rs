//! On Postgres the database itself keeps organisations apart, whatever a statement says.

use crate::seed::{
    LIFE, NOW, accounts, by, family, find, in_org_of, log_in, member, name, people,
    proof, run,
};
use crate::store::{Store, patient, private_postgres};
use records::sessions::Found;
use records::{AnyConnection, OrgId, Records, RecordsError, Scope, sessions, users};
use sqlx::{AssertSqlSafe, Connection, Executor};

/// The table in which sqlx notes what was migrated: it holds nobody's data.
const NOTES: &str = "_sqlx_migrations";

async fn tables(owner: &mut AnyConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'public'::regnamespace AND relname <> $1 ORDER BY relname",
    )
    .bind(NOTES)
    .fetch_all(owner)
    .await
    .unwrap()
}

async fn rows(connection: &mut AnyConnection, table: &str) -> i64 {
    let count = format!("SELECT COUNT(*) FROM {table}");
    sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(connection).await.unwrap()
}

/// At least one row of t1 in every table that there is.
async fn full() -> Option<(Store, Vec<String>)> {
    let store = Store::postgres().await?;
    people(&store).await;
    log_in(&store.records, "alice", "alice's").await;
    let sent = proof("alice's");
    run!(store.records, by("alice's"), |tx| sessions::add_file(tx, &sent, "a.txt", NOW))
        .unwrap()
        .unwrap();
    assert!(family(&store.records, "alice", "alice's refresh").await);
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
async fn every_table_forces_row_security_and_belongs_to_somebody_else() {
    let Some(store) = Store::postgres().await else { return };
    let mut owner = store.owner().await;
    assert!(tables(&mut owner).await.len() >= 14, "where are the tables?");
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') \
         AND relnamespace = 'public'::regnamespace AND relname <> $1 \
         AND NOT (relrowsecurity AND relforcerowsecurity)",
    )
    .bind(NOTES)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(loose, Vec::<String>::new(), "not forced");
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
async fn without_a_scope_every_table_is_empty() {
    let Some((store, tables)) = full().await else { return };
    let mut app = AnyConnection::connect(&store.app_url).await.unwrap();
    for table in &tables {
        assert_eq!(rows(&mut app, table).await, 0, "{table}");
    }
    // Also on a connection that had a scope a moment ago: the setting is then empty, not
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
async fn another_organisation_sees_and_changes_nothing() {
    let Some((store, tables)) = full().await else { return };
    let before = sizes(&store, &tables).await;
    let mut app = AnyConnection::connect(&store.app_url).await.unwrap();
    for table in &tables {
        let theirs = scoped_rows(&mut app, "t1", table).await;
        assert_eq!(theirs > 0, table != "signing_keys", "{table} for its organisation");
        let own = i64::from(table == "users" || table == "organisations");
        assert_eq!(scoped_rows(&mut app, "t2", table).await, own, "{table} for t2");
        let mut tx = app.begin().await.unwrap();
        tx.execute("SELECT set_config('app.organisation', 't2', true)").await.unwrap();
        // Refused for want of the right, or without effect for want of rows.
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
async fn a_row_cannot_be_put_into_another_organisation() {
    let Some((store, _)) = full().await else { return };
    let foreign = "INSERT INTO audit (organisation, at, request_id, actor, action, subject) \
                   VALUES ('t1', 1, 'x', 'carol', 'x', 'x')";
    let t2 = Scope::Organisation(OrgId::parse("t2").unwrap());
    assert!(attempt(&store.records, t2, foreign).await.is_err());
    let moved = "UPDATE users SET organisation = 't1' WHERE username = 'carol'";
    assert!(attempt(&store.records, in_org_of("carol"), moved).await.is_err());
    let stolen = "UPDATE sessions SET username = 'carol'";
    assert!(attempt(&store.records, by("alice's"), stolen).await.is_err());
    let longer = "UPDATE sessions SET expires_at = 9000000000000000000";
    assert!(attempt(&store.records, by("alice's"), longer).await.is_err());
}

#[tokio::test]
async fn a_proof_opens_its_own_row_and_makes_none() {
    let Some((store, _)) = full().await else { return };
    log_in(&store.records, "bob", "bob's").await;
    let ends = "UPDATE sessions SET version = version + 1";
    assert_eq!(attempt(&store.records, by("alice's"), ends).await.unwrap(), 1);
    assert_eq!(attempt(&store.records, by("nobody's"), ends).await.unwrap(), 0);
    assert!(matches!(find(&store.records, "bob's", NOW).await, Found::Live(_)));
    let sent = proof("bob's");
    let by_another =
        run!(store.records, by("alice's"), |tx| sessions::revoke(tx, &sent, 1));
    assert!(!by_another.unwrap());
    let made = "INSERT INTO sessions (proof, organisation, username, role, epoch, \
                created_at, last_seen_at, expires_at, idle_ms) SELECT \
                current_setting('app.proof'), 't1', 'alice', 'admin', 1, 1, 1, 9, 9";
    assert!(attempt(&store.records, by("a new one"), made).await.is_err());
}

#[tokio::test]
async fn a_login_sees_one_account_and_changes_none() {
    let Some((store, _)) = full().await else { return };
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
async fn a_janitor_sees_no_people_and_nobody_rewrites_the_audit() {
    let Some((store, _)) = full().await else { return };
    let t1 = member("alice").organisation;
    let seen = run!(store.records, Scope::Housekeeping, |tx| users::list(tx, &t1));
    assert_eq!(seen.unwrap().len(), 0);
    for statement in ["UPDATE audit SET actor = 'bob'", "DELETE FROM audit"] {
        let rewritten = attempt(&store.records, in_org_of("alice"), statement).await;
        assert!(matches!(rewritten, Err(RecordsError::Broken(_))), "{statement}");
    }
}

/// As where the database is rented: FORCE binds this owner, too, and foreign keys must
/// work all the same.
#[tokio::test]
async fn an_owner_that_is_no_superuser_is_enough() {
    let Some(server) = private_postgres().await else { return };
    let mut admin = AnyConnection::connect(&server.url).await.unwrap();
    for statement in [
        "CREATE ROLE landlord LOGIN CREATEROLE PASSWORD 'x'",
        "CREATE DATABASE rented OWNER landlord",
    ] {
        admin.execute(statement).await.unwrap();
    }
    let (_, place) = server.url.split_once('@').unwrap();
    let place = place.replace("/postgres", "/rented");
    let url = format!("postgres://landlord:x@{place}");
    let app_url = Records::migrate(&url).await.unwrap().app_url;
    assert_eq!(Records::migrate(&url).await.unwrap().app_url, app_url);
    let records = Records::open(&app_url, patient()).await.unwrap();
    let accounts = accounts();
    run!(records, Scope::Housekeeping, |tx| users::import(tx, &accounts, NOW)).unwrap();
    log_in(&records, "alice", "s").await;
    let sent = proof("s");
    run!(records, by("s"), |tx| sessions::add_file(tx, &sent, "a.txt", NOW))
        .unwrap()
        .unwrap();
    let later = NOW + LIFE + 1;
    let swept = run!(records, Scope::Housekeeping, |tx| sessions::sweep(tx, later));
    assert_eq!(swept.unwrap(), 1, "with its files");
    let mut owner = AnyConnection::connect(&url).await.unwrap();
    assert_eq!(rows(&mut owner, "users").await, 0, "FORCE binds the owner");
}
