//! The second line of defence: what the database itself does not let a replica see, and
//! that a client who hangs up at the wrong moment cannot get a transaction of somebody
//! else's.

use crate::on::Stores;
use crate::security::people::Town;
use anyhow::{Context, ensure};
use api_conformance::client::Client;
use api_conformance::expect::equal;
use api_conformance::form::{Form, Upload};
use api_conformance::proof::Proof;
use api_contract::files::ListQuery;
use api_contract::paths;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Method;
use rand::RngExt;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// All tables that hold rows of people; the migrations' own table holds none.
const TABLES: &str = "SELECT relname::text, relrowsecurity, relforcerowsecurity \
     FROM pg_class WHERE relkind IN ('r', 'p') \
       AND relnamespace = 'public'::regnamespace AND relname <> '_sqlx_migrations'";

async fn count(connection: &mut PgConnection, table: &str) -> anyhow::Result<i64> {
    let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}

async fn as_application(town: &Town) -> anyhow::Result<PgConnection> {
    let url = town.world.database_url().context("Postgres")?;
    Ok(PgConnection::connect(url).await?)
}

/// Each of two people, of two organisations, does something that writes rows.
async fn fill(town: &Town) -> anyhow::Result<()> {
    let client = town.client();
    for who in [&town.alice, &town.carol] {
        let proof = town.sign_in(who).await?;
        let file = Upload::new("a.txt", "a");
        client.upload_with_key(&proof, &file, "a-key").await.done()?;
        let request = client.proven(&proof, Method::POST, paths::TUS);
        let request = request.header("tus-resumable", "1.0.0").header("upload-length", 9);
        let location = client.send(request).await?.header("location").map(str::to_owned);
        let piece =
            client.proven(&proof, Method::PATCH, &location.context("a tus path")?);
        let piece = piece.header("tus-resumable", "1.0.0").header("upload-offset", 0);
        let piece = piece.header("content-type", "application/offset+octet-stream");
        equal("a piece", client.send(piece.body("x")).await?.status.as_u16(), 204)?;
    }
    Ok(())
}

/// Item 34. The role that replicas use owns nothing and is bound by row level security,
/// which no table is without; asked for everything in no organisation's name, the
/// database answers with nothing, and in one's name with that one's rows.
#[tokio::test]
async fn without_an_organisation_the_application_sees_no_row() -> anyhow::Result<()> {
    for design in ["central", "token"] {
        let town = Town::new(Stores::Real, design, &[]).await?;
        fill(&town).await?;
        let mut owner = town.world.owner().await?;
        let mut app = as_application(&town).await?;
        let role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb \
                      OR EXISTS (SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid) \
                    FROM pg_roles WHERE rolname = current_user";
        let powerful: bool = sqlx::query_scalar(role).fetch_one(&mut app).await?;
        equal("the role may more than it needs", powerful, false)?;

        let mut filled = 0;
        for table in sqlx::query(TABLES).fetch_all(&mut owner).await? {
            let name: String = table.try_get(0)?;
            let bound = (table.try_get(1)?, table.try_get(2)?);
            equal(&format!("row level security of {name}"), bound, (true, true))?;
            filled += i64::from(count(&mut owner, &name).await? > 0);
            let seen = count(&mut app, &name).await?;
            equal(&format!("rows of {name} without an organisation"), seen, 0)?;
            of_one_organisation(&mut app, &name).await.context(name)?;
        }
        // Otherwise "nothing seen" would only mean that there is nothing.
        ensure!(filled >= 7, "only {filled} tables have rows at all");
        cannot_help_itself(&mut app).await?;
    }
    Ok(())
}

/// In the name of `t1`, no row is seen that says that it is another's.
async fn of_one_organisation(app: &mut PgConnection, table: &str) -> anyhow::Result<()> {
    let mut tx = app.begin().await?;
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
    // The name was good for that transaction alone.
    equal("rows after it", count(app, table).await?, 0)
}

/// What an attacker who can run SQL as the application would try first.
async fn cannot_help_itself(app: &mut PgConnection) -> anyhow::Result<()> {
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
        let done = sqlx::raw_sql(statement).execute(&mut *app).await;
        ensure!(done.is_err(), "the application may: {statement}");
    }
    Ok(())
}

/// What one client does and breaks off.
fn deed(
    client: &Client,
    proof: &Proof,
    of: &str,
    number: usize,
) -> reqwest::RequestBuilder {
    match number % 4 {
        0 => client.proven(proof, Method::GET, paths::FILES),
        1 => client.proven(proof, Method::GET, paths::SESSION),
        2 => client.proven(proof, Method::GET, paths::UPLOADS),
        _ => {
            let file = Upload::new(format!("{of}-{number}"), of.to_owned());
            Form::of(&file).put_on(client.proven(proof, Method::POST, paths::UPLOAD))
        }
    }
}

/// How long a request takes that nobody breaks off: on a slow machine it takes longer.
async fn usual_time(
    people: &[(&str, Proof); 2],
    clients: &[Client],
) -> anyhow::Result<Duration> {
    let whole = (1_000..1_048).map(|number| async move {
        let (of, proof) = &people[number % 2];
        let client = &clients[number % clients.len()];
        let began = Instant::now();
        client.send(deed(client, proof, of, number)).await?;
        anyhow::Ok(began.elapsed())
    });
    let mut whole: Vec<_> =
        stream::iter(whole).buffer_unordered(12).try_collect().await?;
    whole.sort_unstable();
    Ok(whole[whole.len() / 2])
}

/// Item 34. A thousand requests of two organisations, broken off at random moments and
/// mixed on the same connections to the database: nobody sees a row of the other's, what
/// was acknowledged is there, and no transaction is left open.
#[tokio::test]
async fn a_thousand_cancelled_requests_mix_nobody_up() -> anyhow::Result<()> {
    let flags = ["--requests-per-second", "100000"];
    let town = Town::new(Stores::Real, "central", &flags).await?;
    let people = [
        ("alice", town.sign_in(&town.alice).await?),
        ("carol", town.sign_in(&town.carol).await?),
    ];
    // Most through the balancer, and some past it.
    let mut clients = vec![town.client(), town.client()];
    clients.extend(town.replicas().iter().map(|replica| replica.client()));
    let (people, town, clients) = (&people, &town, &clients);
    let longest = usual_time(people, clients).await? * 2;
    let attempts = (0..1_000).map(|number| async move {
        let (of, proof) = &people[number % 2];
        let client = &clients[number % clients.len()];
        let patience = longest.mul_f64(rand::rng().random());
        let sent = client.send(deed(client, proof, of, number / 2));
        // Dropped, it hangs up.
        let answered = timeout(patience, sent).await.ok()?;
        let acknowledged = answered.is_ok_and(|reply| reply.status.as_u16() == 201);
        Some(acknowledged.then(|| format!("{of}-{}", number / 2)))
    });
    let done: Vec<_> = stream::iter(attempts).buffer_unordered(12).collect().await;
    let cancelled = done.iter().filter(|answered| answered.is_none()).count();
    ensure!((50..950).contains(&cancelled), "{cancelled} of 1000 were cancelled");
    let acknowledged: BTreeSet<_> = done.into_iter().flatten().flatten().collect();

    // Every connection of every pool is asked several times, for both in turn.
    let looks = (0..60).map(|number| async move {
        let (of, proof) = &people[number % 2];
        own_files(&town.replica(number / 2).client(), proof, of).await
    });
    let looks: Vec<_> = stream::iter(looks).buffer_unordered(20).collect().await;
    let mut seen = BTreeSet::new();
    for names in looks {
        seen.extend(names?);
    }
    let lost: Vec<_> = acknowledged.difference(&seen).collect();
    ensure!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    nothing_is_mixed_or_open(town).await
}

/// What the database itself has to say of it.
async fn nothing_is_mixed_or_open(town: &Town) -> anyhow::Result<()> {
    let mut owner = town.world.owner().await?;
    let mixed = "SELECT count(*) FROM files WHERE (owner = 'alice') <> (organisation = 't1') \
                 OR name NOT LIKE owner || '-%'";
    let mixed: i64 = sqlx::query_scalar(mixed).fetch_one(&mut owner).await?;
    equal("rows with the wrong owner", mixed, 0)?;
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    let open: i64 = sqlx::query_scalar(open).fetch_one(&mut owner).await?;
    equal("transactions left open", open, 0)
}

/// The names of all of somebody's files, each of which bears its owner's.
async fn own_files(
    client: &Client,
    proof: &Proof,
    of: &str,
) -> anyhow::Result<BTreeSet<String>> {
    let (mut names, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = ListQuery { limit: Some(200), cursor };
        let page = client.list(proof, &page).await.done()?.body;
        for file in page.files {
            let own =
                file.name.strip_prefix(of).is_some_and(|rest| rest.starts_with('-'));
            ensure!(own, "{of} sees {}", file.name);
            names.insert(file.name);
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(names),
        }
    }
}
