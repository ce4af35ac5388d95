//! The start: a server accepts connections when it can serve them, with open stores and open
//! database connections.

use crate::PROGRAM;
use crate::stores::{StoreKind, TestStores};
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_conformance::fixture::Fixture;
use api_conformance::process::{PROCESS_TIMEOUT, Server};
use api_contract::problem::ProblemKind;
use backing_services::{Backing, database};
use client::AuthScheme;
use records::Records;
use sqlx::{Connection, Executor};
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// Connections of the pool that are open when the server is ready.
const WARM_CONNECTIONS: i64 = 4;

/// For how long the port is tried while the store is not open: the server takes less to bind it
/// first, and SQLite waits longer for a lock.
const CLOSED: Duration = Duration::from_millis(2_500);

/// A balancer or client that finds a refused connection tries another replica. One that is
/// accepted too early waits, or gets an error.
#[tokio::test]
async fn port_refuses_connections_until_stores_are_open() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    std::fs::create_dir_all(fixture.data_dir())?;
    let file = fixture.data_dir().join("records.sqlite");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let mut database = sqlx::SqliteConnection::connect(&url).await?;
    database.execute("BEGIN EXCLUSIVE").await?;
    let free = TcpListener::bind("127.0.0.1:0").await?;
    let address = free.local_addr()?;
    drop(free);
    let port = address.to_string();
    let args = fixture.flags(&["--design", "memory", "--listen", &port]);
    let while_closed = async {
        let began = Instant::now();
        while began.elapsed() < CLOSED {
            let connected = TcpStream::connect(address).await;
            ensure!(connected.is_err(), "connected after {:?}", began.elapsed());
            sleep(Duration::from_millis(20)).await;
        }
        database.execute("ROLLBACK").await?;
        Ok(Instant::now())
    };
    let starting = async {
        let server = Server::start(Path::new(PROGRAM), &args).await?;
        anyhow::Ok((server, Instant::now()))
    };
    let (starting, released) = tokio::join!(starting, while_closed);
    let ((_server, ready), released) = (starting?, released?);
    ensure!(ready > released, "the server did not wait for its database");
    TcpStream::connect(address).await.context("when ready")?;
    Ok(())
}

/// The first requests find open connections: no connecting counts against their time limits.
#[tokio::test]
async fn pool_has_open_connections_when_server_is_ready() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Real, false).await?;
    let server = stores.replica("token", &[]).await?;
    let mut owner = stores.owner().await?;
    let open: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND usename = 'upload_app'",
    )
    .fetch_one(&mut owner)
    .await?;
    ensure!(open > WARM_CONNECTIONS, "{open} connections");
    let idle = r#"upload_server_database_pool_connections{pool="main",state="idle"} "#;
    let idle = server.server.metric(idle).await?.context("the metric")?;
    ensure!(idle >= 4.0, "{idle} idle");
    Ok(())
}

/// A database that does not answer: the reply is 503, and the log names the limit.
#[tokio::test]
async fn reached_time_limit_is_logged_with_its_name() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let postgres = database(Backing::Local, folder.path()).await?;
    let url = Records::migrate(&postgres.url).await?.app_url;
    let fixture = Fixture::new()?;
    let flags = ["--design", "token", "--database-url", &url];
    let server = fixture.start(PROGRAM, AuthScheme::Token, &flags).await?;
    postgres.pause().await?;
    let refused = server.client().token(&server.alice).await;
    refused.refused_as(ProblemKind::RecordsUnavailable)?;
    server.server.logged(&["time limit", "limit=\"database connection\""]).await?;
    let readyz = async || {
        let log = server.server.log();
        let found = log.contains("time limit") && log.contains("readiness check");
        if !found {
            let client = server.client();
            let path = api_contract::paths::READYZ;
            client.send(client.request(http::Method::GET, path)).await?;
        }
        Ok(found.then_some(()))
    };
    eventually(PROCESS_TIMEOUT, "a line for the readiness check", readyz).await?;
    postgres.resume().await?;
    eventually(PROCESS_TIMEOUT, "a login", async || {
        Ok(server.client().token(&server.alice).await.done().ok().map(drop))
    })
    .await
}
