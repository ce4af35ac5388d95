//! Item 39: the listeners, and access to them.

use super::test_app::{TestApp, with_password};
use crate::PROGRAM;
use crate::stores::{StoreKind, TestStores, postgres};
use anyhow::{Context, ensure};
use api_conformance::fixture::Fixture;
use api_conformance::process::{Server, run_to_end};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use client::Client;
use client::expect::equal;
use http::Method;
use sqlx::Connection;
use std::net::IpAddr;
use std::path::Path;

/// Item 39. The admin listener serves metrics and accepts no commands. A web page cannot
/// reach it through a host name that resolves to this machine (DNS rebinding).
#[tokio::test]
async fn admin_listener_serves_only_this_machine() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, true).await?;
    let replica = stores.replica("central", &[]).await?;
    let admin = replica.server.ready().admin.context("an admin listener")?;
    let client = Client::new(&format!("http://{admin}"));
    let metrics = |host: &str| {
        let page = client.request(Method::GET, paths::METRICS);
        client.send(page.header("host", host.to_owned()))
    };
    for own in [admin.to_string(), "localhost:1".to_owned(), "[::1]".to_owned()] {
        equal(&own, metrics(&own).await?.status.as_u16(), 200)?;
    }
    for rebound in
        ["evil.test", "evil.test:80", "127.0.0.1.evil.test", "localhost.evil.test"]
    {
        let reply = metrics(rebound).await?;
        equal(rebound, reply.status.as_u16(), 400)?;
        ensure!(!reply.body.starts_with(b"#"), "{rebound} got metrics");
    }
    for (method, path) in [(Method::POST, paths::METRICS), (Method::GET, paths::FILES)] {
        let reply = client.send(client.request(method, path)).await?;
        ensure!(reply.status.is_client_error(), "{path} is {}", reply.status);
    }
    Ok(())
}

/// Item 39. Listeners outside loopback need an explicit flag. Listeners without
/// authentication are refused there even with the flag.
#[tokio::test]
async fn listeners_beyond_loopback_need_an_explicit_flag() -> anyhow::Result<()> {
    let fixture = Fixture::new()?;
    for (flags, advice) in [
        (&["--listen", "0.0.0.0:0"][..], "--insecure-remote"),
        (&["--listen", "[::]:0"], "--insecure-remote"),
        (&["--admin-listen", "0.0.0.0:0"], "loopback"),
        (&["--admin-listen", "0.0.0.0:0", "--insecure-remote"], "loopback"),
        (&["--design", "replicated", "--gossip-listen", "0.0.0.0:0"], "this machine"),
    ] {
        let flags = [&["--design", "memory"], flags].concat();
        let flags = fixture.flags(&flags);
        let ended = run_to_end(Path::new(PROGRAM), &flags).await?;
        let stderr = ended.stderr;
        ensure!(ended.status.code() == Some(2), "{flags:?}: {}", ended.status);
        ensure!(
            stderr.contains(advice),
            "{flags:?}\n  expected: {advice}\n  actual: {stderr}"
        );
    }
    Ok(())
}

/// Item 39. All ports of a test application are on loopback, so no other network
/// namespace can reach them.
#[tokio::test]
async fn every_port_of_a_cluster_is_on_loopback() -> anyhow::Result<()> {
    let app = TestApp::new(StoreKind::Real, "central", &[]).await?;
    let mut ports = vec![port(&app.cluster.url)?, port(&app.redis().url)?];
    ports.push(port(app.stores.database_url().context("a database")?)?);
    for replica in app.replicas() {
        let ready = replica.server.ready();
        ports.push(ready.address.port());
        ports.push(ready.admin.context("an admin listener")?.port());
    }
    let tcp_listeners = tcp_listeners()?;
    for port in ports {
        let on: Vec<_> =
            tcp_listeners.iter().filter(|(_, taken)| *taken == port).collect();
        ensure!(!on.is_empty(), "no listener on {port}");
        for (address, _) in on {
            ensure!(address.is_loopback(), "{port} can be reached at {address}");
        }
    }
    Ok(())
}

fn port(url: &str) -> anyhow::Result<u16> {
    url::Url::parse(url)?.port().context("a port")
}

/// Addresses and ports of the TCP listeners of this machine, from the kernel
/// (proc_net(5)).
fn tcp_listeners() -> anyhow::Result<Vec<(IpAddr, u16)>> {
    const LISTENING: &str = "0A";
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in std::fs::read_to_string(table)?.lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (address, port) = fields[1].split_once(':').context("an address")?;
            if fields[3] == LISTENING {
                found.push((read_address(address)?, u16::from_str_radix(port, 16)?));
            }
        }
    }
    Ok(found)
}

/// Groups of four bytes, each in the byte order of this machine.
fn read_address(hex: &str) -> anyhow::Result<IpAddr> {
    let mut bytes = Vec::new();
    for group in hex.as_bytes().chunks(8) {
        let group = u32::from_str_radix(std::str::from_utf8(group)?, 16)?;
        bytes.extend(group.to_ne_bytes());
    }
    Ok(match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice())?).to_canonical(),
    })
}

/// Item 39. There are no default passwords: the passwords of the demo accounts are random
/// and printed once, and the stores have passwords too.
#[tokio::test]
async fn no_default_password_is_accepted() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_string_lossy().into_owned();
    let flags = ["--design", "memory", "--data-dir", &data].map(str::to_owned);
    let server = Server::start(Path::new(PROGRAM), &flags).await?;
    let client = Client::new(&server.base_url());
    for name in ["alice", "bob", "carol", "admin", "root", "test"] {
        for password in [name, "", "password", "admin", "changeme"] {
            let refused = client.log_in_session(&with_password(name, password)).await;
            refused.refused_as(ProblemKind::InvalidCredentials).context(name)?;
        }
    }
    let stores = TestStores::new(StoreKind::Real, true).await?;
    let redis = redis::Client::open(without_password(
        &stores.redis.as_ref().context("Redis")?.url,
    )?)?;
    let answer = async {
        let mut connection = redis.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    ensure!(answer.await.is_err(), "Redis accepts a connection without password");
    let postgres = without_password(postgres().await?)?;
    let connection = sqlx::PgConnection::connect(&postgres).await;
    ensure!(connection.is_err(), "Postgres accepts a connection without password");
    Ok(())
}

fn without_password(url: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(url)?;
    ensure!(url.set_password(None).is_ok(), "a URL that can have no password");
    Ok(url.into())
}
