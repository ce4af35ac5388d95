//! The schema: made once however many make it, and refused when it is another.

use crate::seed::{people, written};
use crate::store::{Store, fresh_database, on_both, private_postgres};
use records::{OpenError, PoolLimits, Records};
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use std::fs;
use tokio::task::JoinSet;

on_both! {
    a_second_migration_changes_nothing,
    a_schema_that_is_older_is_refused_and_told_how_to_be_made_newer,
    a_schema_that_is_newer_is_neither_used_nor_changed,
    a_changed_migration_is_refused,
}

async fn open(store: &Store) -> Result<Records, OpenError> {
    Records::open(&store.app_url, PoolLimits::default()).await
}

async fn a_second_migration_changes_nothing(store: Store) {
    people(&store).await;
    let again = Records::migrate(&store.owner_url).await.unwrap();
    assert_eq!(again.app_url, store.app_url, "running programs must not be locked out");
    assert!(!format!("{again:?}").contains("app_url"), "it holds a password");
    assert_eq!(written(&open(&store).await.unwrap()).await, Vec::<String>::new());
    assert_eq!(crate::seed::account(&store.records, "alice").await.epoch, 1);
}

async fn a_schema_that_is_older_is_refused_and_told_how_to_be_made_newer(store: Store) {
    let mut owner = store.owner().await;
    owner.execute("DELETE FROM _sqlx_migrations WHERE version = 5").await.unwrap();
    let error = open(&store).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaOlder { .. }), "{error}");
    assert!(error.to_string().contains("run: cargo lab migrate"), "{error}");
    owner.execute("DROP TABLE _sqlx_migrations").await.unwrap();
    let error = open(&store).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaOlder { .. }), "{error}");
}

async fn a_schema_that_is_newer_is_neither_used_nor_changed(store: Store) {
    let mut owner = store.owner().await;
    owner
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, installed_on, success, \
             checksum, execution_time) SELECT 9999, 'later', installed_on, success, \
             checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        )
        .await
        .unwrap();
    for refused in
        [open(&store).await.map(drop), Records::migrate(&store.owner_url).await.map(drop)]
    {
        let error = refused.unwrap_err();
        assert!(matches!(error, OpenError::SchemaNewer { found: 9999, .. }), "{error}");
    }
}

async fn a_changed_migration_is_refused(store: Store) {
    let mut owner = store.owner().await;
    let other = "UPDATE _sqlx_migrations SET checksum = (SELECT checksum FROM \
                 _sqlx_migrations WHERE version = 2) WHERE version = 1";
    owner.execute(other).await.unwrap();
    let error = Records::migrate(&store.owner_url).await.unwrap_err();
    assert!(matches!(error, OpenError::Migration { .. }), "{error}");
}

async fn eight_at_once(owner_url: &str) {
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
async fn eight_programs_may_migrate_a_new_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    eight_at_once(&format!("sqlite://{}/a.sqlite", folder.path().display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_programs_may_migrate_a_new_postgres_at_once() {
    // On a server of its own, because the role is the server's, and must be new, too.
    if let Some(server) = private_postgres().await {
        eight_at_once(&server.url).await;
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database: &str| {
        let folder = format!("{}/migrations/{database}", env!("CARGO_MANIFEST_DIR"));
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("postgres"), names("sqlite"));
    assert!(names("sqlite").contains(&"0001_people.sql".to_owned()));
}

#[tokio::test]
async fn a_wrong_address_is_told_from_a_wrong_password_and_neither_repeats_it() {
    // Port 1 of this machine: nobody listens there.
    let nobody =
        Records::open("postgres://lab:hunter2@127.0.0.1:1/x", PoolLimits::default());
    let error = nobody.await.unwrap_err();
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
async fn a_role_that_could_switch_row_security_off_is_refused() {
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
