//! Programs and schemas of different versions: expand, migrate, contract.

use crate::seed::{add_accounts, audited_requests, write};
use crate::store::{Store, on_both, patient};
use records::{AnyConnection, OpenError, PoolLimits, Records};
use sqlx::{AssertSqlSafe, Executor};

on_both! {
    newer_schema_within_the_rule_is_used_and_not_changed,
    schema_beyond_the_rule_is_refused_with_both_versions,
    migration_while_in_use_keeps_the_older_program_working,
}

/// Records a migration that this program does not know.
async fn add_unknown_migration(owner: &mut AnyConnection, version: i64) {
    let insert = format!(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, \
         checksum, execution_time) SELECT {version}, 'later', installed_on, success, \
         checksum, execution_time FROM _sqlx_migrations WHERE version = 1"
    );
    owner.execute(AssertSqlSafe(insert)).await.unwrap();
}

/// The last step of a change: programs before migration `oldest` may no longer start.
async fn contract(owner: &mut AnyConnection, oldest: i64) {
    let update = format!("UPDATE schema_compatibility SET oldest_migration = {oldest}");
    owner.execute(AssertSqlSafe(update)).await.unwrap();
}

async fn migrations(owner: &mut AnyConnection) -> Vec<i64> {
    let versions = "SELECT version FROM _sqlx_migrations ORDER BY version";
    sqlx::query_scalar(versions).fetch_all(owner).await.unwrap()
}

async fn newer_schema_within_the_rule_is_used_and_not_changed(store: Store) {
    add_accounts(&store).await;
    let mut owner = store.owner().await;
    add_unknown_migration(&mut owner, 9_998).await;
    add_unknown_migration(&mut owner, 9_999).await;
    owner.execute("ALTER TABLE files ADD COLUMN later BIGINT").await.unwrap();
    let before = migrations(&mut owner).await;
    let migrated = Records::migrate(&store.owner_url).await.unwrap();
    assert_eq!(migrated.version, 9_999, "the version of the schema");
    assert_eq!(migrations(&mut owner).await, before);
    let records = Records::open(&migrated.app_url, patient()).await.unwrap();
    write(&records, "of an older program").await.unwrap();
    assert_eq!(audited_requests(&records).await, ["of an older program"]);
}

async fn schema_beyond_the_rule_is_refused_with_both_versions(store: Store) {
    let mut owner = store.owner().await;
    let known = migrations(&mut owner).await.last().copied().unwrap();
    add_unknown_migration(&mut owner, known + 1).await;
    contract(&mut owner, known).await;
    drop(Records::open(&store.app_url, PoolLimits::default()).await.unwrap());
    contract(&mut owner, known + 1).await;
    for refused in [
        Records::open(&store.app_url, PoolLimits::default()).await.map(drop),
        Records::migrate(&store.owner_url).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        let is_newer =
            matches!(error, OpenError::SchemaNewer { found, .. } if found == known + 1);
        assert!(is_newer, "{error}");
        let text = error.to_string();
        for part in
            [known.to_string(), (known + 1).to_string(), "newer program".to_owned()]
        {
            assert!(text.contains(&part), "{text}");
        }
    }
}

/// The pool of a program that runs while its schema is changed, in the three steps.
async fn migration_while_in_use_keeps_the_older_program_working(store: Store) {
    add_accounts(&store).await;
    let mut owner = store.owner().await;
    let mut expected = Vec::new();
    for (step, statement) in [
        "ALTER TABLE audit ADD COLUMN later BIGINT",
        "UPDATE audit SET later = 1",
        "ALTER TABLE audit DROP COLUMN later",
    ]
    .into_iter()
    .enumerate()
    {
        owner.execute(statement).await.unwrap();
        let request = format!("step {step}");
        write(&store.records, &request).await.unwrap();
        expected.insert(0, request);
        assert_eq!(audited_requests(&store.records).await, expected);
    }
}
