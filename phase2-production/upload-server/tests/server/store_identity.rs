//! What belongs to which Redis, and to which deployment: a failover that no connection
//! notices, two deployments that share a Redis, the ports of gossip or the files, and files
//! that are gone with their disk.

use crate::PROGRAM;
use crate::account_client::{AccountClient, blobs};
use crate::stores::{StoreKind, TestStores, connection_to};
use anyhow::ensure;
use api_conformance::eventually::eventually;
use api_conformance::fixture::{Fixture, Started};
use api_conformance::process::PROCESS_TIMEOUT;
use api_contract::files::ListQuery;
use api_contract::problem::ProblemKind;
use api_contract::{LoginRequest, Message, paths};
use backing_services::{Backing, Service, redis};
use client::digest::sha256;
use client::{AuthScheme, Credential, Upload};
use fault_proxy::FaultProxy;
use http::{Method, StatusCode};
use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Four heartbeats.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(1);
const WATCH_TIME: Duration = Duration::from_secs(2);

async fn command<T: redis::FromRedisValue>(
    service: &Service,
    arguments: &[&str],
) -> anyhow::Result<T> {
    let mut connection = connection_to(service).await?;
    let mut command = redis::cmd(arguments[0]);
    for argument in &arguments[1..] {
        command.arg(*argument);
    }
    Ok(command.query_async(&mut connection).await?)
}

/// The proxy cannot repeat a client's AUTH on the copy, so no client sends one.
async fn without_password(folder: &TempDir) -> anyhow::Result<Service> {
    let mut service = redis(Backing::Local, folder.path()).await?;
    command::<()>(&service, &["ACL", "SETUSER", "default", "nopass"]).await?;
    let (_, address) = service.url.rsplit_once('@').unwrap_or_default();
    service.url = format!("redis://{address}");
    Ok(service)
}

fn address(service: &Service) -> anyhow::Result<SocketAddr> {
    Ok(service.url.trim_start_matches("redis://").parse()?)
}

/// A Redis and a copy of it that lags, with a proxy before them.
struct Failover {
    primary: Service,
    copy: Service,
    proxy: FaultProxy,
    _folders: [TempDir; 2],
}

impl Failover {
    async fn start() -> anyhow::Result<Self> {
        let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
        let primary = without_password(&folders[0]).await?;
        let copy = without_password(&folders[1]).await?;
        let port = address(&primary)?.port().to_string();
        command::<()>(&copy, &["REPLICAOF", "127.0.0.1", &port]).await?;
        let proxy = FaultProxy::start(address(&primary)?, 1).await?;
        Ok(Self { primary, copy, proxy, _folders: folders })
    }

    /// The copy gets no later change.
    async fn detach(&self) -> anyhow::Result<()> {
        eventually(PROCESS_TIMEOUT, "a complete copy", async || {
            let copies: i64 = command(&self.primary, &["WAIT", "1", "200"]).await?;
            Ok((copies == 1).then_some(()))
        })
        .await?;
        command(&self.copy, &["REPLICAOF", "NO", "ONE"]).await
    }
}

async fn status(at: &Started, credential: &Credential) -> anyhow::Result<StatusCode> {
    at.client().list(credential, &ListQuery::default()).await.status()
}

/// One failover: the design, its flags, the end of the URL, and whether connections break.
async fn fail_over(
    design: &str,
    flags: &[&str],
    query: &str,
    breaks: bool,
) -> anyhow::Result<()> {
    let servers = Failover::start().await?;
    let fixture = Fixture::new()?;
    let url = format!("redis://{}/{query}", servers.proxy.address());
    let mut all = vec!["--design", design, "--redis-url", &url];
    all.extend(flags);
    let scheme = if design == "token" { AuthScheme::Token } else { AuthScheme::Session };
    let replica = fixture.start(PROGRAM, scheme, &all).await?;
    let alice = replica.sign_in(&replica.alice).await?;
    replica.accepts(&alice).await?;
    servers.detach().await?;
    // A token is trusted without the database if it is some seconds younger than Redis.
    let client = replica.client();
    let path = paths::ACCOUNT_SIGN_OUT;
    client
        .json::<Message>(client.authenticated(&alice, Method::POST, path))
        .await
        .done()?;
    ensure!(status(&replica, &alice).await? == StatusCode::UNAUTHORIZED, "before");
    servers.proxy.switch_to(address(&servers.copy)?);
    if breaks {
        servers.proxy.reset_connections();
    }
    tokio::time::sleep(NOTICE_TIMEOUT).await;
    let watched = Instant::now();
    while watched.elapsed() < WATCH_TIME {
        let status = status(&replica, &alice).await?;
        ensure!(
            status == StatusCode::UNAUTHORIZED,
            "{design} {flags:?} {query} {breaks}: {status}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unnoticed_redis_failover_revives_no_credential() -> anyhow::Result<()> {
    let versions = ["--revocation", "token-version"];
    let (kept, resp3) = ("", "?protocol=resp3");
    let results = tokio::join!(
        fail_over("central", &[], kept, false),
        fail_over("central", &[], resp3, true),
        fail_over("token", &versions, kept, false),
        fail_over("token", &versions, resp3, true),
    );
    let results = [results.0, results.1, results.2, results.3];
    let failed: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    ensure!(failed.is_empty(), "{failed:#?}");
    Ok(())
}

/// Two deployments with one Redis. Both have an account alice.
async fn two_deployments(
    design: &str,
    more: &[&str],
) -> anyhow::Result<(Service, TempDir, [Started; 2])> {
    let folder = tempfile::tempdir()?;
    let shared = redis(Backing::Local, folder.path()).await?;
    let mut flags = vec!["--design", design, "--redis-url", &shared.url];
    flags.extend(more);
    let scheme = if design == "token" { AuthScheme::Token } else { AuthScheme::Session };
    let one = Fixture::new()?.start(PROGRAM, scheme, &flags).await?;
    let other = Fixture::new()?.start(PROGRAM, scheme, &flags).await?;
    Ok((shared, folder, [one, other]))
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_on_one_redis_share_no_key() -> anyhow::Result<()> {
    for (design, flags) in
        [("central", &[][..]), ("token", &["--revocation", "combined"][..])]
    {
        let (shared, _folder, deployments) = two_deployments(design, flags).await?;
        let mut keys: Vec<BTreeSet<String>> = Vec::new();
        for deployment in &deployments {
            let before: BTreeSet<String> = command(&shared, &["KEYS", "*"]).await?;
            let alice = deployment.sign_in(&deployment.alice).await?;
            for _ in 0..100 {
                deployment.accepts(&alice).await?;
            }
            let wrong = LoginRequest {
                username: "alice".to_owned(),
                password: "wrong".to_owned().into(),
            };
            deployment.sign_in(&wrong).await.expect_err("a wrong password");
            let after: BTreeSet<String> = command(&shared, &["KEYS", "*"]).await?;
            keys.push(after.difference(&before).cloned().collect());
        }
        let names = |keys: &BTreeSet<String>| -> BTreeSet<String> {
            let prefix = |key: &String| key.split(':').next().unwrap_or("").to_owned();
            keys.iter().map(prefix).collect()
        };
        let (one, other) = (names(&keys[0]), names(&keys[1]));
        ensure!(one.len() == 1 && other.len() == 1, "{design}: {one:?} {other:?}");
        ensure!(one != other, "{design}: one deployment wrote {keys:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn version_of_another_deployment_revives_no_token() -> anyhow::Result<()> {
    let (shared, _folder, [one, other]) =
        two_deployments("token", &["--revocation", "token-version"]).await?;
    let token = one.sign_in(&one.alice).await?;
    let client = one.client();
    let path = paths::ACCOUNT_SIGN_OUT;
    client
        .json::<Message>(client.authenticated(&token, Method::POST, path))
        .await
        .done()?;
    // The replica's own revocation feed has also written it.
    tokio::time::sleep(NOTICE_TIMEOUT).await;
    // The tombstone of the version expires after half a minute.
    let tombstones: Vec<String> = command(&shared, &["KEYS", "*version:alice"]).await?;
    for key in tombstones {
        command::<()>(&shared, &["DEL", &key]).await?;
    }
    let another = other.sign_in(&other.alice).await?;
    other.accepts(&another).await?;
    one.refuses(&token, ProblemKind::TokenInvalid).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_lock_no_other_deployment() -> anyhow::Result<()> {
    let limit = ["--attempts-per-account", "3"];
    let (_shared, _folder, [one, other]) = two_deployments("central", &limit).await?;
    let wrong = LoginRequest {
        username: "alice".to_owned(),
        password: "wrong".to_owned().into(),
    };
    for _ in 0..4 {
        one.sign_in(&wrong).await.expect_err("a wrong password");
    }
    one.sign_in(&one.alice).await.expect_err("too many attempts");
    other.sign_in(&other.alice).await?;
    Ok(())
}

/// A seed that names a replica of another deployment, as when a port is used again.
#[tokio::test(flavor = "multi_thread")]
async fn gossip_of_another_deployment_brings_no_session() -> anyhow::Result<()> {
    let ports = [UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?];
    let [one, other] = ports.map(|port| port.local_addr().map(|at| at.to_string()));
    let (one, other) = (one?, other?);
    let stores = [
        TestStores::new(StoreKind::Embedded, false).await?,
        TestStores::new(StoreKind::Embedded, false).await?,
    ];
    let first = stores[0]
        .replica("replicated", &["--replica-id", "r1", "--gossip-listen", &one])
        .await?;
    let flags = ["--replica-id", "r2", "--gossip-listen", &other, "--gossip-seed", &one];
    let second = stores[1].replica("replicated", &flags).await?;
    let alice = first.sign_in(&first.alice).await?;
    let watched = Instant::now();
    while watched.elapsed() < WATCH_TIME {
        second.refuses(&alice, ProblemKind::SessionUnknown).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    first.accepts(&alice).await
}

/// The janitor of the second would remove the files of the first, for which it has no rows. A
/// store that an older program filled has no mark of its owner.
#[tokio::test]
async fn files_of_another_deployment_are_refused() -> anyhow::Result<()> {
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let owner = stores.replica("token", &[]).await?;
    let alice = owner.sign_in(&owner.alice).await?;
    let file = Upload::new("a.txt".to_owned(), "hello".to_owned());
    owner.client().upload(&alice, &file).await.done()?;
    let database = stores.fixture.data_dir().join("another.sqlite");
    let database = format!("sqlite://{}?mode=rwc", database.display());
    let flags = ["--database-url", database.as_str()];
    let mark = stores.fixture.data_dir().join("blobs/.deployment");
    for expected in ["belongs to the deployment", "the database knows none of them"] {
        let refused = stores.replica("token", &flags).await.err();
        let reason = refused.map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(reason.contains(expected), "{reason}");
        if mark.exists() {
            std::fs::remove_file(&mark)?;
        }
    }
    let _same_deployment = stores.replica("token", &[]).await?;
    ensure!(mark.exists(), "the owner has marked its files");
    owner.accepts(&alice).await
}

/// The disk of the files is unmounted under a running replica. After a 404 a client would
/// delete its copy. A 201 would acknowledge bytes in the folder below the mount.
#[tokio::test]
async fn unmounted_file_store_returns_503_and_loses_no_file() -> anyhow::Result<()> {
    const UNAVAILABLE: ProblemKind = ProblemKind::FileStoreUnavailable;
    let stores = TestStores::new(StoreKind::Embedded, false).await?;
    let server = stores.replica("token", &[]).await?;
    let alice = AccountClient::alice(&server).await?;
    let AccountClient { client, credential } = &alice;
    let file = Upload::of_size("kept", 1_000);
    let kept = client.upload(credential, &file).await.done()?.body.file_id;
    let folder = stores.fixture.data_dir().join("blobs");
    let unmounted = stores.fixture.data_dir().join("unmounted");
    fs::rename(&folder, &unmounted)?;
    client.content(credential, &kept).await.refused_as(UNAVAILABLE)?;
    client.file_json(credential, &kept).await.refused_as(UNAVAILABLE)?;
    for size in [10, 300_000] {
        let lost = client.upload(credential, &Upload::of_size("lost", size)).await;
        lost.refused_as(UNAVAILABLE)?;
    }
    let cleared = async || Ok(blobs(&stores.fixture).is_empty().then_some(()));
    eventually(PROCESS_TIMEOUT, "no blobs below the mount", cleared).await?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&unmounted, &folder)?;
    let added = client.upload(credential, &file).await.done()?.body.file_id;
    let files = alice.files().await?;
    ensure!(files.len() == 2 && files.contains(&added), "{files:?}");
    for id in files {
        ensure!(alice.hash_of(&id).await? == sha256(&file.bytes), "{id} has no bytes");
    }
    Ok(())
}
