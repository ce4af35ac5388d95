//! The schema: migrated once by any number of programs, and refused if it is older or was
//! changed.

use crate::seed::{add_accounts, audited_requests};
use crate::store::{Store, fresh_database, on_both, private_postgres};
use records::{OpenError, PoolLimits, Records};
use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use std::fmt::Write;
use std::fs;
use tokio::task::JoinSet;
use upload_domain::hex::hex;

on_both! {
    second_migration_changes_nothing,
    older_schema_is_refused_and_names_the_command,
    changed_migration_is_refused,
}

async fn open(store: &Store) -> Result<Records, OpenError> {
    Records::open(&store.app_url, PoolLimits::default()).await
}

async fn second_migration_changes_nothing(store: Store) {
    add_accounts(&store).await;
    let again = Records::migrate(&store.owner_url).await.unwrap();
    assert_eq!(
        again.app_url, store.app_url,
        "the password of running programs must not change"
    );
    assert!(!format!("{again:?}").contains("app_url"), "it holds a password");
    assert_eq!(
        audited_requests(&open(&store).await.unwrap()).await,
        Vec::<String>::new()
    );
    assert_eq!(crate::seed::account(&store.records, "alice").await.epoch, 1);
}

async fn older_schema_is_refused_and_names_the_command(store: Store) {
    let mut owner = store.owner().await;
    owner.execute("DELETE FROM _sqlx_migrations WHERE version = 5").await.unwrap();
    let error = open(&store).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaOlder { .. }), "{error}");
    assert!(error.to_string().contains("run: cargo lab migrate"), "{error}");
    owner.execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let error = open(&store).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaOlder { .. }), "{error}");
}

async fn changed_migration_is_refused(store: Store) {
    let mut owner = store.owner().await;
    let other = "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM \
                 _sqlx_migrations WHERE version = 2) WHERE version = 1";
    owner.execute(other).await.unwrap();
    let error = Records::migrate(&store.owner_url).await.unwrap_err();
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
}

pub(crate) async fn eight_at_once(owner_url: &str) {
    let mut migrations = JoinSet::new();
    for _ in 0..8 {
        let url = owner_url.to_owned();
        migrations.spawn(async move { Records::migrate(&url).await.unwrap().app_url });
    }
    let urls = migrations.join_all().await;
    for url in &urls {
        assert_eq!(url, &urls[0]);
        Records::open(url, PoolLimits::default()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_parallel_migrations_of_a_new_file_succeed() {
    let folder = tempfile::tempdir().unwrap();
    eight_at_once(&format!("sqlite://{}/a.sqlite", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_parallel_migrations_of_a_new_postgres_succeed() {
    // On its own server, because the role belongs to the server and must be new, too.
    if let Some(server) = private_postgres().await {
        eight_at_once(&server.url).await;
    }
}

fn migrations(database: &str) -> Vec<(String, Vec<u8>)> {
    let folder = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        migrations(database).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(names("postgres"), names("sqlite"));
    assert!(names("sqlite").contains(&"0001_people.sql".to_owned()));
}

/// sqlx refuses a database if a migration that it applied has another checksum now, so a
/// released file never changes, not even in a comment.
#[test]
fn migration_files_match_their_pinned_checksums() {
    let mut found = String::new();
    for database in ["postgres", "sqlite"] {
        for (name, text) in migrations(database) {
            let hash = hex(&Sha256::digest(text));
            writeln!(found, "{hash}  {database}/{name}").unwrap();
        }
    }
    assert_eq!(
        found,
        include_str!("migrations.sha256"),
        "restore the changed file and write a new migration; after adding one, run \
         `sha256sum */*.sql` in records/migrations"
    );
}

#[tokio::test]
async fn wrong_address_and_wrong_password_give_distinct_errors() {
    // No process listens on port 1.
    let closed =
        Records::open("postgres://lab:hunter2@127.0.0.1:1/x", PoolLimits::default());
    let error = closed.await.unwrap_err();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    let Some(url) = fresh_database().await else { return };
    let (before, _) = url.split_once("lab:").unwrap();
    let (_, after) = url.split_once('@').unwrap();
    let wrong = format!("{before}lab:hunter2@{after}");
    for refused in [
        Records::open(&wrong, PoolLimits::default()).await.map(drop),
        Records::migrate(&wrong).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("password authentication failed"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn role_with_power_over_row_security_is_refused() {
    let Some(store) = Store::postgres().await else { return };
    let mut owner = store.owner().await;
    let powers = [("SUPERUSER", "is a superuser"), ("BYPASSRLS", "has BYPASSRLS")];
    for (number, (power, reason)) in powers.into_iter().enumerate() {
        let role = format!("too_much_{number}");
        let create = format!("CREATE ROLE {role} LOGIN {power} PASSWORD 'x'");
        owner.execute(AssertSqlSafe(create)).await.unwrap();
        refused_as(&store, &role, "x", reason).await;
    }
    owner.execute("CREATE ROLE an_owner LOGIN PASSWORD 'x'").await.unwrap();
    owner.execute("ALTER TABLE sessions OWNER TO an_owner").await.unwrap();
    refused_as(&store, "an_owner", "x", "owns the tables").await;
    let error = Records::open(&store.owner_url, PoolLimits::default()).await.unwrap_err();
    assert!(matches!(error, OpenError::TooPowerful { .. }), "{error}");
}

async fn refused_as(store: &Store, role: &str, password: &str, reason: &str) {
    let (_, place) = store.owner_url.split_once('@').unwrap();
    let url = format!("postgres://{role}:{password}@{place}");
    assert!(AnyConnection::connect(&url).await.is_ok(), "{role} can connect");
    let error = Records::open(&url, PoolLimits::default()).await.unwrap_err();
    assert!(matches!(&error, OpenError::TooPowerful { .. }), "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}
