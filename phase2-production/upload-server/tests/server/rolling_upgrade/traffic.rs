//! Clients that log in, upload and list through the balancer until they are stopped, and
//! record every request that fails.

use crate::cluster::TestCluster;
use anyhow::{Context, ensure};
use api_conformance::eventually::eventually;
use api_contract::LoginRequest;
use api_contract::files::ListQuery;
use client::{AuthScheme, CallResult, Client, Credential, Options, Upload};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// Flags of the replicas: an account may have the session of every round, and a session is
/// often read from the database.
pub(super) const FLAGS: [&str; 6] = [
    "--max-sessions-per-user",
    "100000",
    "--requests-per-second",
    "100000",
    "--idle-timeout-ms",
    "600000",
];

/// Clients at a time.
const CLIENTS: usize = 3;

/// The longest time for a round of every client, on a busy machine.
const ROUND_TIMEOUT: Duration = Duration::from_secs(60);

/// Repetitions of a call on an overloaded machine.
const MAX_REPETITIONS: usize = 50;

/// The body of a successful reply. On an overloaded machine the time limits of the database
/// run out without a fault, so a 503 is repeated there.
macro_rules! done {
    ($call:expr) => {{
        let mut repetitions = 0;
        loop {
            repetitions += 1;
            match $call.await {
                CallResult::Refused(busy)
                    if busy.status == 503
                        && repetitions < MAX_REPETITIONS
                        && is_overloaded() =>
                {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                outcome => break outcome.done().map(|reply| reply.body),
            }
        }
    }};
}

/// Running clients.
pub(super) struct Traffic {
    clients: JoinSet<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    rounds: [AtomicU64; CLIENTS],
    failures: Mutex<Vec<String>>,
}

/// One client and its account.
struct Visitor {
    number: usize,
    client: Client,
    account: LoginRequest,
    design: &'static str,
    /// The credential of the first login, which must stay valid.
    first: Credential,
}

impl Traffic {
    pub(super) async fn start(
        cluster: &TestCluster,
        design: &'static str,
    ) -> anyhow::Result<Self> {
        let (shared, mut clients) = (Arc::new(Shared::default()), JoinSet::new());
        for number in 0..CLIENTS {
            let options = Options { reuse_connections: false, ..Options::default() };
            let client = Client::with(&cluster.url, options);
            let replica = &cluster.replicas[0];
            let account = if number == 0 { &replica.bob } else { &replica.alice }.clone();
            let first = log_in(&client, design, &account).await.context("a login")?;
            let visitor = Visitor { number, client, account, design, first };
            clients.spawn(visitor.run(Arc::clone(&shared)));
        }
        Ok(Self { clients, shared })
    }

    /// Waits until every client has finished two more rounds, one of which began after this
    /// call, and checks that no request has failed.
    pub(super) async fn one_more_round(&self) -> anyhow::Result<()> {
        let rounds =
            || self.shared.rounds.each_ref().map(|rounds| rounds.load(Ordering::Relaxed));
        let before = rounds();
        eventually(ROUND_TIMEOUT, "a round of every client", async || {
            self.check()?;
            let now = rounds();
            let done = now.iter().zip(before).all(|(now, before)| *now >= before + 2);
            Ok(done.then_some(()))
        })
        .await
    }

    fn check(&self) -> anyhow::Result<()> {
        let failures = self.shared.failures.lock().expect("no panic under the lock");
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
        Ok(())
    }

    pub(super) async fn finish(mut self) -> anyhow::Result<()> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended?;
        }
        self.check()
    }
}

impl Visitor {
    async fn run(self, shared: Arc<Shared>) {
        let mut round = 0;
        while !shared.stopped.load(Ordering::Relaxed) {
            round += 1;
            if let Err(error) = self.round(round).await {
                let failure = format!("client {}, round {round}: {error:#}", self.number);
                let mut failures =
                    shared.failures.lock().expect("no panic under the lock");
                failures.push(failure);
                return;
            }
            shared.rounds[self.number].fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn round(&self, round: u32) -> anyhow::Result<()> {
        let fresh = log_in(&self.client, self.design, &self.account).await;
        let fresh = fresh.context("a login")?;
        let client = &self.client;
        let name = format!("{}-{round}.txt", self.number);
        let file = Upload::new(name.clone(), format!("round {round}"));
        let stored = done!(client.upload_with_key(&fresh, &file, &name));
        let stored = stored.context("an upload")?.file_id;
        for credential in [&self.first, &fresh] {
            let page = ListQuery::default();
            let listed = done!(client.list(credential, &page));
            let files = listed.context("a list")?.files;
            ensure!(files.iter().any(|file| file.file_id == stored), "{name} is missing");
        }
        let content = done!(client.content(&self.first, &stored));
        content.context("a download")?;
        let deleted = done!(client.delete(&fresh, &stored));
        deleted.context("a deletion")?;
        if self.design == "central" {
            let view = done!(client.session_view(&self.first));
            view.context("the session")?;
            done!(client.end_session(&fresh)).context("a logout")?;
        }
        Ok(())
    }
}

async fn log_in(
    client: &Client,
    design: &str,
    account: &LoginRequest,
) -> anyhow::Result<Credential> {
    let auth_scheme = match design {
        "token" => AuthScheme::Token,
        _ => AuthScheme::Session,
    };
    Ok(done!(client.log_in(auth_scheme, account))?.credential)
}

/// Whether more than two processes per core want to run, averaged over a minute.
fn is_overloaded() -> bool {
    let cores = std::thread::available_parallelism()
        .map_or(1.0, |cores| f64::from(u32::try_from(cores.get()).unwrap_or(u32::MAX)));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    load.is_some_and(|load| load > 2.0 * cores)
}
