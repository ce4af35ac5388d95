//! Item 39: what listens where, and who may ask it.

use super::people::{Town, with_password};
use crate::PROGRAM;
use crate::on::{Stores, World, postgres};
use anyhow::{Context, ensure};
use api_conformance::client::Client;
use api_conformance::expect::equal;
use api_conformance::fixture::Fixture;
use api_conformance::process::{Server, run_to_end};
use api_contract::paths;
use api_contract::problem::ProblemKind;
use http::Method;
use sqlx::Connection;
use std::net::IpAddr;
use std::path::Path;

/// Item 39. The admin listener shows metrics and takes no orders; a web page cannot reach it
/// by giving its own name this machine's address (DNS rebinding).
#[tokio::test]
async fn the_admin_listener_answers_to_this_machine_only() -> anyhow::Result<()> {
    let world = World::new(Stores::Embedded, true).await?;
    let replica = world.replica("central", &[]).await?;
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
        ensure!(!reply.body.starts_with(b"#"), "{rebound} was shown metrics");
    }
    for (method, path) in [(Method::POST, paths::METRICS), (Method::GET, paths::FILES)] {
        let reply = client.send(client.request(method, path)).await?;
        ensure!(reply.status.is_client_error(), "{path} is {}", reply.status);
    }
    Ok(())
}

/// Item 39. Nothing listens beyond this machine unless that is said aloud, and what has no
/// login does not even then.
#[tokio::test]
async fn nothing_leaves_loopback_unasked() -> anyhow::Result<()> {
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
        let why = ended.stderr;
        ensure!(ended.status.code() == Some(2), "{flags:?}: {}", ended.status);
        ensure!(why.contains(advice), "{flags:?}\n  expected: {advice}\n  actual: {why}");
    }
    Ok(())
}

/// Item 39. Whatever a town starts can be reached from this machine alone: seen from any
/// other network namespace, none of it is there.
#[tokio::test]
async fn every_port_of_a_town_is_on_loopback() -> anyhow::Result<()> {
    let town = Town::new(Stores::Real, "central", &[]).await?;
    let mut ports = vec![port(&town.farm.url)?, port(&town.redis().url)?];
    ports.push(port(town.world.database_url().context("a database")?)?);
    for replica in town.replicas() {
        let ready = replica.server.ready();
        ports.push(ready.address.port());
        ports.push(ready.admin.context("an admin listener")?.port());
    }
    let listeners = listeners()?;
    for port in ports {
        let on: Vec<_> = listeners.iter().filter(|(_, taken)| *taken == port).collect();
        ensure!(!on.is_empty(), "nobody listens on {port}");
        for (address, _) in on {
            ensure!(address.is_loopback(), "{port} can be reached at {address}");
        }
    }
    Ok(())
}

fn port(url: &str) -> anyhow::Result<u16> {
    url::Url::parse(url)?.port().context("a port")
}

/// Who listens for connections on this machine, by the kernel's word (proc_net(5)).
fn listeners() -> anyhow::Result<Vec<(IpAddr, u16)>> {
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

/// Words of four bytes, each as this machine stores it.
fn read_address(hex: &str) -> anyhow::Result<IpAddr> {
    let mut bytes = Vec::new();
    for word in hex.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word)?, 16)?;
        bytes.extend(word.to_ne_bytes());
    }
    Ok(match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice())?).to_canonical(),
    })
}

/// Item 39. There are no default passwords: not for the demo accounts, whose passwords are
/// random and shown once, and not for the stores.
#[tokio::test]
async fn there_is_no_default_password() -> anyhow::Result<()> {
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
    let world = World::new(Stores::Real, true).await?;
    let redis = redis::Client::open(without_password(
        &world.redis.as_ref().context("Redis")?.url,
    )?)?;
    let answer = async {
        let mut connection = redis.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    ensure!(answer.await.is_err(), "Redis answers whoever asks");
    let postgres = without_password(postgres().await?)?;
    let connection = sqlx::PgConnection::connect(&postgres).await;
    ensure!(connection.is_err(), "Postgres lets in whoever asks");
    Ok(())
}

fn without_password(url: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(url)?;
    ensure!(url.set_password(None).is_ok(), "a URL that can have no password");
    Ok(url.into())
}
