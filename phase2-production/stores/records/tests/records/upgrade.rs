//! Migration 7 on a filled database: rows, constraints, indexes, policies and privileges stay
//! the same except for their names, and earlier sessions and refresh tokens stay valid.

use crate::seed::{
    IDLE, NOW, credential_hash, find, in_org_of, member, name, org, run, scope_of,
};
use crate::store::{Store, fresh_database, patient};
use records::refresh::{Owner, Rotated, Rotation};
use records::sessions::Found;
use records::{AnyConnection, Records, Scope, refresh, sessions};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::path::Path;
use tempfile::TempDir;

/// The last migration with the old names.
const BEFORE: i64 = 6;

/// The migration that renames.
const RENAMES: i64 = 7;

const SECRETS: [&str; 7] =
    ["live", "revoked", "expired", "foreign", "used", "unused", "foreign token"];

/// The affected tables, with their old columns in the order of the primary key.
const TABLES: [(&str, &str); 3] = [
    (
        "sessions",
        "proof, organisation, username, role, epoch, version, created_at, last_seen_at, \
         expires_at, idle_ms, revoked_at",
    ),
    ("session_files", "proof, position, organisation, name, added_at"),
    (
        "refresh_tokens",
        "proof, family, organisation, issued_at, used_at, successor_sealed",
    ),
];

/// The new form of a line that begins with a table's name.
fn renamed(line: &str) -> String {
    let column =
        if line.starts_with("refresh_tokens") { "token_hash" } else { "session_id_hash" };
    line.replace("app.proof", "app.credential_hash")
        .replace("proof", column)
        .replace("janitor_looks", "housekeeping_reads")
        .replace("janitor_removes", "housekeeping_removes")
        .replace("_by_end", "_by_expiry")
        .replace("files_by_arrival", "files_by_upload_time")
}

/// A database that was filled under the old schema and then migrated.
struct Upgraded {
    owner: AnyConnection,
    app_url: String,
    records: Records,
    rows: [Vec<String>; 2],
    schema: [Vec<String>; 2],
    _folder: Option<TempDir>,
}

impl Upgraded {
    async fn sqlite() -> Self {
        sqlx::any::install_default_drivers();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/a.sqlite?mode=rwc", folder.path().display());
        Self { _folder: Some(folder), ..Self::from(url).await }
    }

    async fn postgres() -> Option<Self> {
        // Creates the role upload_app, which the migrations need.
        let _other_database = Store::postgres().await?;
        Some(Self::from(fresh_database().await?).await)
    }

    async fn from(owner_url: String) -> Self {
        let kind = if owner_url.starts_with("sqlite") { "sqlite" } else { "postgres" };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
        let mut owner = AnyConnection::connect(&owner_url).await.unwrap();
        let old = Migrator::new(folder).await.unwrap();
        old.run_direct(Some(BEFORE), &mut owner, false).await.unwrap();
        let mut fill = include_str!("rows_before_0007.sql").to_owned();
        for secret in SECRETS {
            fill = fill.replace(&format!("<{secret}>"), &credential_hash(secret));
        }
        owner.execute(AssertSqlSafe(fill)).await.unwrap();
        let before =
            (rows(&mut owner, |old| old.to_owned()).await, schema(&mut owner).await);
        old.run_direct(Some(RENAMES), &mut owner, false).await.unwrap();
        let after = (rows(&mut owner, renamed).await, schema(&mut owner).await);
        let app_url = Records::migrate(&owner_url).await.unwrap().app_url;
        let records = Records::open(&app_url, patient()).await.unwrap();
        Self {
            owner,
            app_url,
            records,
            rows: [before.0, after.0],
            schema: [before.1, after.1],
            _folder: None,
        }
    }
}

/// Every row of the affected tables as text.
async fn rows(owner: &mut AnyConnection, column: impl Fn(&str) -> String) -> Vec<String> {
    let mut all = Vec::new();
    for (table, columns) in TABLES {
        let columns = column(&format!("{table}: {columns}"));
        let columns = columns.split_once(": ").unwrap().1;
        let values = columns
            .split(", ")
            .map(|one| format!("COALESCE(CAST({one} AS TEXT), 'NULL')"))
            .collect::<Vec<_>>()
            .join(" || ' ' || ");
        let query = format!("SELECT '{table} ' || {values} FROM {table} ORDER BY 1");
        let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_all(&mut *owner)
            .await
            .unwrap();
        all.extend(found);
    }
    all
}

/// A text for every column, constraint, index, policy and privilege, which begins with the
/// name of its table.
async fn schema(owner: &mut AnyConnection) -> Vec<String> {
    let query = if owner.backend_name() == "PostgreSQL" {
        include_str!("schema_postgres.sql")
    } else {
        // Quotes differ between a table that was created and one that was altered.
        "SELECT tbl_name || ' ' || name || ' ' || REPLACE(COALESCE(sql, ''), '\"', '') \
         FROM sqlite_schema WHERE name NOT LIKE '%sqlx%'"
    };
    let mut lines: Vec<String> =
        sqlx::query_scalar(query).fetch_all(owner).await.unwrap();
    lines.sort();
    lines
}

/// Makes of each function `async fn name(upgraded: Upgraded)` a test on both databases.
macro_rules! on_both_upgraded {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Upgraded::sqlite().await).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(upgraded) = super::Upgraded::postgres().await {
                    super::$name(upgraded).await;
                }
            })+
        }
    };
}

on_both_upgraded! {
    rename_keeps_every_row,
    rename_changes_only_names_in_the_schema,
    constraints_hold_after_the_rename,
    session_from_before_the_rename_is_found,
    refresh_token_from_before_the_rename_is_found,
}

async fn rename_keeps_every_row(upgraded: Upgraded) {
    let [before, after] = &upgraded.rows;
    assert_eq!(before, after);
    assert_eq!(before.len(), 4 + 2 + 3, "every row of the fixture");
}

async fn rename_changes_only_names_in_the_schema(upgraded: Upgraded) {
    let [before, mut after] = upgraded.schema;
    // Migration 8 adds a table.
    after.retain(|line| !line.starts_with("deployment"));
    let mut expected: Vec<_> = before.iter().map(|line| renamed(line)).collect();
    expected.sort();
    assert_eq!(after, expected);
    assert_ne!(before, after);
    let old = ["proof", "janitor", "_by_end", "arrival"];
    let remaining = after.iter().find(|line| old.iter().any(|name| line.contains(name)));
    assert_eq!(remaining, None);
}

/// Each breaks another constraint.
fn refused_statements(live: &str, unused: &str) -> [String; 6] {
    [
        format!(
            "UPDATE sessions SET session_id_hash = 'short' WHERE session_id_hash = '{live}'"
        ),
        format!(
            "UPDATE refresh_tokens SET token_hash = 'short' WHERE token_hash = '{unused}'"
        ),
        format!(
            "INSERT INTO sessions (session_id_hash, organisation, username, role, epoch, \
             created_at, last_seen_at, expires_at, idle_ms) \
             VALUES ('{live}', 't1', 'alice', 'member', 1, 1, 1, 1, 1)"
        ),
        format!(
            "INSERT INTO session_files (session_id_hash, position, organisation, name, \
             added_at) VALUES ('{unused}', 1, 't1', 'a.txt', 1)"
        ),
        format!(
            "INSERT INTO session_files (session_id_hash, position, organisation, name, \
             added_at) VALUES ('{live}', 3, 't1', 'a.txt', 1)"
        ),
        format!(
            "INSERT INTO refresh_tokens (token_hash, family, organisation, issued_at) \
             VALUES ('{unused}', 'family-1', 't1', 1)"
        ),
    ]
}

async fn constraints_hold_after_the_rename(mut upgraded: Upgraded) {
    let owner = &mut upgraded.owner;
    if owner.backend_name() != "PostgreSQL" {
        owner.execute("PRAGMA foreign_keys = ON").await.unwrap();
    }
    let live = credential_hash("live");
    for statement in refused_statements(&live, &credential_hash("unused")) {
        let error = owner.execute(AssertSqlSafe(statement.clone())).await.unwrap_err();
        let is_constraint = error.as_database_error().is_some_and(|error| {
            error.is_check_violation()
                || error.is_unique_violation()
                || error.is_foreign_key_violation()
        });
        assert!(is_constraint, "{statement}: {error}");
    }
    let delete = format!("DELETE FROM sessions WHERE session_id_hash = '{live}'");
    owner.execute(AssertSqlSafe(delete)).await.unwrap();
    let files = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM session_files");
    assert_eq!(files.fetch_one(owner).await.unwrap(), 0, "deleted with their session");
}

async fn session_from_before_the_rename_is_found(upgraded: Upgraded) {
    let records = &upgraded.records;
    let Found::Live(session) = find(records, "live", NOW + 3).await else {
        panic!("the session is alive")
    };
    assert_eq!((session.member, session.version), (member("alice"), 3));
    assert_eq!(find(records, "revoked", NOW + 3).await, Found::Revoked { version: 2 });
    assert_eq!(find(records, "expired", NOW + 3).await, Found::Expired);
    assert_eq!(find(records, "unknown", NOW + 3).await, Found::Unknown);
    let hash = credential_hash("live");
    let (first, second, third) = (hash.clone(), hash.clone(), hash);
    let files = run!(records, scope_of("live"), |tx| sessions::files(tx, &first));
    assert_eq!(files.unwrap(), ["b.txt", "a.txt"]);
    let added = run!(records, scope_of("live"), |tx| sessions::add_file(
        tx,
        &second,
        "c.txt",
        NOW + 4
    ));
    assert_eq!(added.unwrap(), Some(4));
    assert!(
        run!(records, scope_of("live"), |tx| sessions::revoke(tx, &third, NOW + 5))
            .unwrap()
    );
    assert_eq!(find(records, "live", NOW + 6).await, Found::Revoked { version: 5 });
    let later = NOW + IDLE * 100;
    let swept = run!(records, Scope::Housekeeping, |tx| sessions::sweep(tx, later));
    assert_eq!(swept.unwrap(), 4);
}

async fn refresh_token_from_before_the_rename_is_found(upgraded: Upgraded) {
    let records = &upgraded.records;
    let rotate = async |secret: &str, successor: &str| {
        let rotation = Rotation {
            token_hash: credential_hash(secret),
            new_token_hash: credential_hash(successor),
            successor_sealed: format!("sealed {successor}"),
            now: NOW + 10,
            grace_ms: 10_000,
            max_tokens: 8,
        };
        run!(records, scope_of(secret), |tx| refresh::rotate(tx, &rotation)).unwrap()
    };
    let hash = credential_hash("used");
    let found = records.read(scope_of("used"), move |tx| {
        Box::pin(async move { refresh::find(tx, &hash).await })
    });
    let owner = Owner {
        organisation: org("t1"),
        username: name("alice"),
        family: "family-1".to_owned(),
    };
    assert_eq!(found.await.unwrap(), Some(owner));
    let repeated = rotate("used", "ignored").await;
    let is_first =
        matches!(&repeated, Rotated::Repeated(_, first) if first == "sealed successor");
    assert!(is_first, "{repeated:?}");
    let rotated = rotate("unused", "next").await;
    assert!(matches!(rotated, Rotated::Rotated(_)), "{rotated:?}");
    let rotated = rotate("next", "after next").await;
    assert!(matches!(rotated, Rotated::Rotated(_)), "{rotated:?}");
    assert_eq!(rotate("unknown", "x").await, Rotated::Unknown);
}

/// The policies compare the new setting with the new columns: a scope covers its own rows and
/// no others. SQLite has no row-level security.
#[tokio::test(flavor = "multi_thread")]
async fn policies_hold_after_the_rename() {
    let Some(upgraded) = Upgraded::postgres().await else { return };
    let mut app = AnyConnection::connect(&upgraded.app_url).await.unwrap();
    let scope = |setting: &str, value: String| Some((setting.to_owned(), value));
    let hash = |secret| scope("app.credential_hash", credential_hash(secret));
    let organisation = |name: &str| scope("app.organisation", name.to_owned());
    // Visible rows of sessions, session_files and refresh_tokens.
    let expected = [
        (None, [0, 0, 0]),
        (hash("live"), [1, 2, 0]),
        (hash("foreign"), [1, 0, 0]),
        (hash("unused"), [0, 0, 1]),
        (hash("unknown"), [0, 0, 0]),
        (scope("app.proof", credential_hash("live")), [0, 0, 0]),
        (organisation("t1"), [3, 2, 2]),
        (organisation("t2"), [1, 0, 1]),
        (scope("app.housekeeping", "on".to_owned()), [4, 0, 3]),
    ];
    for (setting, visible) in expected {
        let mut tx = app.begin().await.unwrap();
        if let Some((setting, value)) = &setting {
            let set =
                sqlx::query("SELECT set_config($1, $2, true)").bind(setting).bind(value);
            set.execute(&mut *tx).await.unwrap();
        }
        let mut counts = [0; 3];
        for (count, (table, _)) in counts.iter_mut().zip(TABLES) {
            let query = format!("SELECT COUNT(*) FROM {table}");
            let rows = sqlx::query_scalar::<_, i64>(AssertSqlSafe(query));
            *count = rows.fetch_one(&mut *tx).await.unwrap();
        }
        assert_eq!(counts, visible, "{setting:?}");
    }
    let foreign = credential_hash("foreign");
    let revoked = run!(upgraded.records, in_org_of("alice"), |tx| sessions::revoke(
        tx, &foreign, NOW
    ));
    assert!(!revoked.unwrap(), "of another organisation");
}
