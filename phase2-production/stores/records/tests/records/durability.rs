//! An acknowledged row survives the crash of the database, whatever its default settings
//! are.

use crate::seed::add_accounts;
use crate::store::Store;
use records::{AnyConnection, Records, RecordsError, Scope};
use sqlx::{AssertSqlSafe, Executor};

async fn setting(tx: &mut AnyConnection) -> Result<String, RecordsError> {
    let setting = "SELECT current_setting('synchronous_commit')";
    Ok(sqlx::query_scalar(setting).fetch_one(tx).await?)
}

/// The settings of a transaction that writes and of one that reads.
async fn synchronous_commit(records: &Records) -> [String; 2] {
    let written = records.run(Scope::Housekeeping, |tx| Box::pin(setting(tx)));
    let read = records.read(Scope::Housekeeping, |tx| Box::pin(setting(tx)));
    [written.await.unwrap(), read.await.unwrap()]
}

/// Settings of the role or the database that would acknowledge a commit before it is
/// durable, or only on this machine although a standby is configured.
#[tokio::test(flavor = "multi_thread")]
async fn weaker_default_of_synchronous_commit_is_raised() {
    let Some(store) = Store::postgres().await else { return };
    add_accounts(&store).await;
    let mut owner = store.owner().await;
    let database: String = sqlx::query_scalar("SELECT current_database()::text")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let expected = [
        ("off", "on"),
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ];
    for (default, in_use) in expected {
        let set = format!("ALTER DATABASE {database} SET synchronous_commit = {default}");
        owner.execute(AssertSqlSafe(set)).await.unwrap();
        let another = store.another().await;
        assert_eq!(synchronous_commit(&another).await, [in_use, in_use], "{default}");
    }
}
