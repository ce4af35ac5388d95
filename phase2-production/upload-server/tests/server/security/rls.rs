//! Row level security as the second line of defence: the database hides rows of other
//! organisations from a replica, and cancelled requests never leave a transaction to
//! another caller.

use crate::security::test_app::TestApp;
use crate::stores::StoreKind;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_contract::files::ListQuery;
use api_contract::paths;
use client::expect::equal;
use client::{Client, Credential, Form, Upload};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use rand::RngExt;
use report::statistics::median;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// All tables with rows of accounts; the table of the migrations has none.
const TABLES: &str = "SELECT relname::text, relrowsecurity, relforcerowsecurity \
     FROM pg_class WHERE relkind IN ('r', 'p') \
       AND relnamespace = 'public'::regnamespace \
       AND relname NOT IN ('_sqlx_migrations', 'deployment', 'schema_compatibility')";

async fn count(connection: &mut PgConnection, table: &str) -> anyhow::Result<i64> {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

async fn as_application(app: &TestApp) -> anyhow::Result<PgConnection> {
    let url = app.stores.database_url().context("Postgres")?;
    Ok(PgConnection::connect(url).await?)
}

/// Two accounts of two organisations write rows to the tables.
async fn fill(app: &TestApp) -> anyhow::Result<()> {
    let client = app.client();
    for account in [&app.alice, &app.carol] {
        let credential = app.sign_in(account).await?;
        let file = Upload::new("a.txt", "a");
        client.upload_with_key(&credential, &file, "a-key").await.done()?;
        let created = client.send(client.tus_creation(&credential, "b.txt", 9)).await?;
        let path = client.tus_path(&created).context("a tus path")?;
        let part = client.tus_chunk(&credential, &path, 0).body("x");
        equal("a part", client.send(part).await?.status.as_u16(), 204)?;
    }
    Ok(())
}

/// Item 34. The database role of the replicas owns nothing and is bound by row level
/// security, which every table has. Without an organisation a query returns no row; with
/// one, only the rows of that organisation.
#[tokio::test]
async fn application_sees_no_row_without_an_organisation() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let app = TestApp::new(StoreKind::Real, design, &[]).await?;
        fill(&app).await?;
        let mut owner = app.stores.owner().await?;
        let mut connection = as_application(&app).await?;
        let role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb \
                      OR EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid) \
                    FROM pg_roles WHERE rolname = current_user";
        let powerful: bool = sqlx::query_scalar(role).fetch_one(&mut connection).await?;
        equal("superfluous rights of the role", powerful, false)?;

        let mut filled = 0;
        for table in sqlx::query(TABLES).fetch_all(&mut owner).await? {
            let name: String = table.try_get(0)?;
            let bound = (table.try_get(1)?, table.try_get(2)?);
            equal(&format!("row level security of {name}"), bound, (true, true))?;
            filled += i64::from(count(&mut owner, &name).await? > 0);
            let seen = count(&mut connection, &name).await?;
            equal(&format!("rows of {name} without an organisation"), seen, 0)?;
            sees_one_organisation(&mut connection, &name).await.context(name)?;
        }
        // Guard: empty tables would make the test meaningless.
        ensure!(filled >= 7, "only {filled} tables have rows");
        cannot_gain_access(&mut connection).await?;
    }
    Ok(())
}

/// With organisation `t1`, no row of another organisation is visible.
async fn sees_one_organisation(
    connection: &mut PgConnection,
    table: &str,
) -> anyhow::Result<()> {
    let mut tx = connection.begin().await?;
    let scope = "SELECT set_config('app.organisation', 't1', true)";
    sqlx::query(scope).execute(&mut *tx).await?;
    let has_one = "SELECT EXISTS (SELECT 1 FROM information_schema.columns \
                   WHERE table_name = $1 AND column_name = 'organisation')";
    let has_one: bool =
        sqlx::query_scalar(has_one).bind(table).fetch_one(&mut *tx).await?;
    if has_one {
        let foreign =
            count(&mut tx, &format!("{table} WHERE organisation <> 't1'")).await?;
        equal("foreign rows", foreign, 0)?;
        count(&mut tx, table).await?;
    }
    tx.rollback().await?;
    // The setting applies to that transaction only.
    equal("rows after the transaction", count(connection, table).await?, 0)
}

/// Statements that an attacker with SQL access as the application would try first.
async fn cannot_gain_access(connection: &mut PgConnection) -> anyhow::Result<()> {
    for statement in [
        "ALTER TABLE files DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE files NO FORCE ROW LEVEL SECURITY",
        "CREATE POLICY all_of_it ON files USING (true)",
        "DROP POLICY own_organisation ON files",
        "SET ROLE postgres",
        "ALTER ROLE upload_app BYPASSRLS",
        "TRUNCATE files",
        "DELETE FROM audit",
        "UPDATE users SET organisation = 't1'",
        "UPDATE files SET owner = 'carol'",
    ] {
        let done = sqlx::raw_sql(statement).execute(&mut *connection).await;
        ensure!(done.is_err(), "the application may: {statement}");
    }
    Ok(())
}

/// A request to be cancelled.
fn mixed_request(
    client: &Client,
    credential: &Credential,
    username: &str,
    number: usize,
) -> reqwest::RequestBuilder {
    match number % 4 {
        0 => client.authenticated(credential, Method::GET, paths::FILES),
        1 => client.authenticated(credential, Method::GET, paths::SESSION),
        2 => client.authenticated(credential, Method::GET, paths::UPLOADS),
        _ => {
            let file = Upload::new(format!("{username}-{number}"), username.to_owned());
            Form::of(&file).apply_to(client.authenticated(
                credential,
                Method::POST,
                paths::UPLOAD,
            ))
        }
    }
}

/// The median duration of an uncancelled request on this machine.
async fn usual_time(
    accounts: &[(&str, Credential); 2],
    clients: &[Client],
) -> anyhow::Result<Duration> {
    let whole = (1_000..1_048).map(|number| async move {
        let (username, credential) = &accounts[number % 2];
        let client = &clients[number % clients.len()];
        let began = Instant::now();
        client.send(mixed_request(client, credential, username, number)).await?;
        anyhow::Ok(began.elapsed())
    });
    let whole: Vec<_> = stream::iter(whole).buffer_unordered(12).try_collect().await?;
    median(whole).context("48 requests")
}

/// Item 34. A thousand requests of two organisations are cancelled at random moments and
/// share database connections: no account sees rows of the other, acknowledged files
/// exist, and no transaction stays open.
#[tokio::test]
async fn thousand_cancelled_requests_never_mix_organisations() -> anyhow::Result<()> {
    let flags = ["--requests-per-second", "100000"];
    let app = TestApp::new(StoreKind::Real, "central", &flags).await?;
    let accounts = [
        ("alice", app.sign_in(&app.alice).await?),
        ("carol", app.sign_in(&app.carol).await?),
    ];
    // Most requests use the balancer, some do not.
    let mut clients = vec![app.client(), app.client()];
    clients.extend(app.replicas().iter().map(|replica| replica.client()));
    let (accounts, app, clients) = (&accounts, &app, &clients);
    let max_deadline = usual_time(accounts, clients).await? * 2;
    let attempts = (0..1_000).map(|number| async move {
        let (username, credential) = &accounts[number % 2];
        let client = &clients[number % clients.len()];
        let deadline = max_deadline.mul_f64(rand::rng().random());
        let sent = client.send(mixed_request(client, credential, username, number / 2));
        // Dropping the request disconnects the client.
        let response = timeout(deadline, sent).await.ok()?;
        let acknowledged = response.is_ok_and(|reply| reply.status.as_u16() == 201);
        Some(acknowledged.then(|| format!("{username}-{}", number / 2)))
    });
    let done: Vec<_> = stream::iter(attempts).buffer_unordered(12).collect().await;
    let cancelled = done.iter().filter(|response| response.is_none()).count();
    ensure!((50..950).contains(&cancelled), "{cancelled} of 1000 were cancelled");
    let acknowledged: BTreeSet<_> = done.into_iter().flatten().flatten().collect();

    // Several reads per connection of every pool, alternating between the accounts.
    let listings = (0..60).map(|number| async move {
        let (username, credential) = &accounts[number % 2];
        own_files(&app.replica(number / 2).client(), credential, username).await
    });
    let listings: Vec<_> = stream::iter(listings).buffer_unordered(20).collect().await;
    let mut seen = BTreeSet::new();
    for names in listings {
        seen.extend(names?);
    }
    let lost: Vec<_> = acknowledged.difference(&seen).collect();
    ensure!(lost.is_empty(), "acknowledged and missing: {lost:?}");
    check_owners_and_transactions(app).await
}

/// Checks the state of the database itself.
async fn check_owners_and_transactions(app: &TestApp) -> anyhow::Result<()> {
    let mut owner = app.stores.owner().await?;
    let mixed = "SELECT count(*) FROM files WHERE (owner = 'alice') <> (organisation = 't1') \
                 OR name NOT LIKE owner || '-%'";
    let mixed: i64 = sqlx::query_scalar(mixed).fetch_one(&mut owner).await?;
    equal("rows with the wrong owner", mixed, 0)?;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    // Replicas read the feed of revocations all the time: such a transaction ends soon. The
    // wait is shorter than the time after which Postgres itself would end an abandoned one.
    eventually(Duration::from_secs(3), "no transaction stays open", async || {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&mut owner).await?;
        Ok((open == 0).then_some(()))
    })
    .await
}

/// The names of all files of an account; each name must start with that of its owner.
async fn own_files(
    client: &Client,
    credential: &Credential,
    username: &str,
) -> anyhow::Result<BTreeSet<String>> {
    let (mut names, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = ListQuery { limit: Some(200), cursor };
        let page = client.list(credential, &page).await.done()?.body;
        for file in page.files {
            let own = file
                .name
                .strip_prefix(username)
                .is_some_and(|rest| rest.starts_with('-'));
            ensure!(own, "{username} sees {}", file.name);
            names.insert(file.name);
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(names),
        }
    }
}
