//! The servers that are measured in rounds: each is started once and gets one kind of request.

use crate::child::ChildProcess;
use crate::closed_loop::Workload;
use crate::connection::Connection;
use crate::proxies::{self, HaProxy};
use crate::request::{self, Request, bearer_line, session_line};
use anyhow::{Context, ensure};
use api_contract::paths;
use api_contract::sessions::SessionStarted;
use api_contract::tokens::TokenIssued;
use backing_services::{Backing, Service};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// The account that logs in.
const USERNAME: &str = "alice";

/// A folder, a Redis and an account for all servers.
pub(crate) struct Testbed {
    folder: TempDir,
    users: PathBuf,
    password: String,
    pub(crate) redis: Service,
}

impl Testbed {
    /// Prepares the stores that servers need.
    pub(crate) async fn prepare(backing: Backing) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a folder for temporary files")?;
        let users = folder.path().join("users.json");
        let password = random_password();
        // The cheapest hash: the benchmark measures authentication by session and token, not by
        // password.
        users_file::write(&users, &[(USERNAME, &password)], HashCost::Minimal)?;
        let redis = backing_services::redis(backing, folder.path()).await?;
        Ok(Self { folder, users, password, redis })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One of our servers, such as `upload` with `--design central`. Servers of one `group`
    /// share their files and database, as replicas do.
    pub(crate) async fn server(
        &self,
        role: &str,
        group: &str,
        flags: &[&str],
    ) -> anyhow::Result<ChildProcess> {
        let mut args: Vec<OsString> = vec![role.into(), "--users".into()];
        args.push(self.users.clone().into());
        args.extend(["--data-dir".into(), self.folder().join(group).into()]);
        args.extend(flags.iter().map(OsString::from));
        let redis = [("REDIS_URL", self.redis.url.as_str())];
        ChildProcess::role(args, &redis)
            .await
            .with_context(|| format!("{role} for {group}"))
    }

    /// The upload server in one of its designs, without a rate limit, because one account makes
    /// all requests.
    pub(crate) async fn upload_server(
        &self,
        design: &str,
        group: &str,
        more: &[&str],
    ) -> anyhow::Result<ChildProcess> {
        let flags = ["--design", design, "--requests-per-second=100000000"];
        let flags: Vec<_> =
            flags.into_iter().chain(NO_LIMITS).chain(more.iter().copied()).collect();
        self.server("upload", group, &flags).await
    }

    /// Logs in and returns the header line of the session.
    pub(crate) async fn session(&self, at: SocketAddr) -> anyhow::Result<String> {
        let started: SessionStarted = self.log_in(at, paths::SESSION_START).await?;
        Ok(session_line(started.session_id.expose()))
    }

    /// Logs in and returns the header line of the token.
    pub(crate) async fn token(&self, at: SocketAddr) -> anyhow::Result<String> {
        let issued: TokenIssued = self.log_in(at, paths::TOKEN).await?;
        Ok(bearer_line(issued.access_token.expose()))
    }

    async fn log_in<T>(&self, at: SocketAddr, path: &str) -> anyhow::Result<T>
    where
        T: serde::de::DeserializeOwned,
    {
        let mut connection = Connection::open(at).await?;
        let status = connection.round_trip(&self.login(path)).await?;
        let body = connection.body();
        ensure!((200..300).contains(&status), "{}", String::from_utf8_lossy(body));
        serde_json::from_slice(body).context("the answer to a login")
    }

    /// The request of a login.
    pub(crate) fn login(&self, path: &str) -> Request {
        request::log_in(path, USERNAME, &self.password)
    }

    /// HAProxy in front of these.
    pub(crate) async fn haproxy(
        &self,
        backends: &[SocketAddr],
    ) -> anyhow::Result<HaProxy> {
        HaProxy::start(self.folder(), backends).await
    }
}

/// One account owns all sessions and makes all requests.
const NO_LIMITS: [&str; 3] = [
    "--max-sessions=2000000",
    "--max-sessions-per-user=2000000",
    "--attempts-per-account=1000000",
];

/// Authentication alone, in every design: the request is for a file id that cannot exist. The
/// server checks the credential, looks no file up, and answers 404.
pub(crate) fn authenticated_workload(credential: &str) -> Workload {
    Workload::one(authenticated_request(credential), 404)
}

/// The request of [`authenticated_workload`].
pub(crate) fn authenticated_request(credential: &str) -> Request {
    request::get(&paths::file("no-file-has-this-name"), &[credential.to_owned()])
}

/// The request to the reference.
pub(crate) fn reference_workload() -> Workload {
    Workload::one(request::get("/", &[]), 200)
}

/// A session of the peer that is built with tower-sessions.
pub(crate) async fn tower_session_workload(at: SocketAddr) -> anyhow::Result<Workload> {
    let mut connection = Connection::open(at).await?;
    let start =
        b"POST /session/start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    connection.round_trip(&start.to_vec()).await?;
    let cookie = connection.cookie().context("the peer sets no cookie")?;
    Ok(Workload::one(request::get("/session", &[format!("Cookie: {cookie}")]), 200))
}

pub(crate) use proxies::start_balancer;
