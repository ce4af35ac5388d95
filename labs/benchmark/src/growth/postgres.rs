//! Sessions as rows of Postgres: their size, and the time of one read.

use super::SessionCost;
use crate::plan::Plan;
use crate::testbed::Testbed;
use anyhow::{Context, ensure};
use backing_services::{Backing, Service, database};
use records::Records;
use report::figure::rounded;
use report::statistics::median;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::time::Instant;

/// Rows to read, one after another.
const TIMED_READS: usize = 2_000;

/// The account that owns the sessions.
const INSERT_OWNER: &str = "INSERT INTO organisations (name, created_at) VALUES ('main', 0); \
                     INSERT INTO users (username, organisation, password_hash, role, \
                     created_at) VALUES ('alice', 'main', 'none', 'member', 0)";

/// Rows as a login writes them, without the login: a password check takes a thousand times
/// longer than a row.
const INSERT_SESSIONS: &str = "INSERT INTO sessions (session_id_hash, organisation, username, role, \
                    epoch, created_at, last_seen_at, expires_at, idle_ms) \
                    SELECT encode(sha256(number::text::bytea), 'hex'), 'main', 'alice', \
                    'member', 1, number, number, number + 43200000, 3600000 \
                    FROM generate_series($1::bigint, $2::bigint) AS number";

/// # Errors
/// When Postgres is installed and a statement fails. A missing Postgres is a result.
pub(super) async fn measure(
    testbed: &Testbed,
    plan: &Plan,
) -> anyhow::Result<Result<Vec<SessionCost>, String>> {
    let postgres = match database(Backing::Local, testbed.folder()).await {
        Ok(postgres) => postgres,
        Err(without) => return Ok(Err(format!("{without:#}"))),
    };
    measure_growth(&postgres, plan).await.map(Ok)
}

async fn measure_growth(
    postgres: &Service,
    plan: &Plan,
) -> anyhow::Result<Vec<SessionCost>> {
    Records::migrate(&postgres.url).await?;
    let mut database = PgConnection::connect(&postgres.url).await?;
    database.execute(INSERT_OWNER).await?;
    let mut rows = Vec::new();
    let mut inserted = 0_i64;
    for &sessions in plan.sessions {
        let wanted = i64::try_from(sessions)?;
        sqlx::query(INSERT_SESSIONS)
            .bind(inserted + 1)
            .bind(wanted)
            .execute(&mut database)
            .await?;
        inserted = wanted;
        database.execute("VACUUM ANALYZE sessions").await?;
        let size = "SELECT pg_total_relation_size('sessions')";
        let size: i64 = sqlx::query(size).fetch_one(&mut database).await?.try_get(0)?;
        #[expect(clippy::cast_precision_loss, reason = "bytes of a run")]
        rows.push(SessionCost {
            sessions,
            bytes: (size as f64 / sessions as f64).round(),
            read_us: read_us(&mut database, wanted).await?,
        });
    }
    Ok(rows)
}

/// The median of reads of rows that are spread over all of them, in microseconds.
async fn read_us(database: &mut PgConnection, all: i64) -> anyhow::Result<f64> {
    let mut times = Vec::with_capacity(TIMED_READS);
    for at in 0..i64::try_from(TIMED_READS)? {
        // The step is prime, so that consecutive reads do not hit neighbouring rows.
        let number = at * 7_919 % all + 1;
        let query = "SELECT username, role, version, last_seen_at, expires_at, revoked_at \
                    FROM sessions WHERE session_id_hash = encode(sha256($1::text::bytea), 'hex')";
        let began = Instant::now();
        let row = sqlx::query(query)
            .bind(number.to_string())
            .fetch_optional(&mut *database)
            .await
            .context("Postgres does not answer")?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        ensure!(row.is_some(), "session {number} is not there");
    }
    Ok(rounded(median(times).unwrap_or_default()))
}
