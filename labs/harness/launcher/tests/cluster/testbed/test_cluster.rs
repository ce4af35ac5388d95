//! A cluster with accounts for tests.

use crate::support::{MUST_HAVE, must_have, program};
use crate::testbed::record::Record;
use crate::testbed::{Run, Trial};
use anyhow::{Context, ensure};
use api_contract::secret::Secret;
use api_contract::{LoginRequest, paths};
use client::{AuthScheme, Client};
use http::Method;
use launcher::commands::MemberAction;
use launcher::status::ProcessState;
use launcher::{Cluster, Design, Kind, RunDir, State, Topology, Users};
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;
use workload::Guarantees;

/// The number of accounts of a cluster, more than its tests need. Every replica imports them at
/// its start, so each account makes a start slower.
const ACCOUNTS: usize = 48;

/// The most attempts to start a process.
const MAX_START_ATTEMPTS: usize = 4;

/// Milliseconds after which bytes without a row count as orphans. This is the smallest value
/// that the server accepts, because the default of minutes is too long for a test.
pub(crate) const ORPHAN_GRACE_MS: u64 = 30_000;

/// A cluster, and the accounts that no test has used yet.
pub(crate) struct TestCluster {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) design: Design,
    unused_accounts: Mutex<Vec<LoginRequest>>,
    /// The trials of the current test.
    records: Mutex<Vec<Record>>,
}

impl TestCluster {
    pub(crate) async fn start(design: Design) -> anyhow::Result<Self> {
        Self::start_with(design, &[]).await
    }

    /// Three replicas, on the stores that are available.
    pub(crate) async fn start_with(
        design: Design,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let accounts: Vec<_> =
            (0..ACCOUNTS).map(|number| account(design, number)).collect();
        let run_dir = RunDir::create()?;
        // It is removed with the run folder.
        let users = run_dir.path().join("users.json");
        let pairs: Vec<_> = accounts
            .iter()
            .map(|one| (one.username.as_str(), one.password.expose()))
            .collect();
        users_file::write(&users, &pairs, HashCost::Minimal)?;
        let grace = ORPHAN_GRACE_MS.to_string();
        let mut replica_args = vec!["--orphan-grace-ms", &grace];
        replica_args.extend(flags);
        let topology = Topology {
            users: Users::File(users),
            replica_args: replica_args.into_iter().map(OsString::from).collect(),
            ..Topology::on_loopback(program(), design)
        };
        let cluster = tokio::spawn(Cluster::start_in(run_dir, topology)).await??;
        Ok(Self {
            cluster: Arc::new(cluster),
            design,
            unused_accounts: Mutex::new(accounts),
            records: Mutex::default(),
        })
    }

    /// Executes a command on a thread of the runtime, because a process ends with the thread that
    /// started it (prctl(2)), and the thread of a test ends with the test.
    ///
    /// A failed start is retried, as a supervisor does: on a busy machine the database may start
    /// more slowly than a replica waits for it.
    pub(crate) async fn execute(
        &self,
        id: &str,
        command: MemberAction,
    ) -> anyhow::Result<()> {
        let mut attempts =
            if command == MemberAction::Restart { MAX_START_ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            let (cluster, id) = (Arc::clone(&self.cluster), id.to_owned());
            let result = tokio::spawn(async move { cluster.execute(&id, command).await });
            match result.await? {
                Err(error) if attempts > 0 => eprintln!("retrying: {error:#}"),
                result => return result,
            }
        }
    }

    /// Runs a test. If it fails for any reason, its histories are kept.
    pub(crate) async fn keep_history_on_failure(
        &self,
        test: impl AsyncFnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.records.lock().expect("not poisoned").clear();
        let result = test(self).await;
        let records = self.records.lock().expect("not poisoned");
        result.map_err(|error| {
            let folder = std::env::temp_dir();
            records.iter().fold(error, |error, record| record.keep(&folder, &error))
        })
    }

    /// A trial with `count` unused accounts. `seed` is the seed of all its random choices.
    pub(crate) fn trial(&self, test: &'static str, seed: u64, count: usize) -> Trial {
        self.trial_of(Run::of(test, seed), count)
    }

    /// The same for a run with more parameters than its seed.
    pub(crate) fn trial_of(&self, run: Run, count: usize) -> Trial {
        let mut unused_accounts = self.unused_accounts.lock().expect("not poisoned");
        let first = unused_accounts.len().saturating_sub(count);
        let accounts = unused_accounts.split_off(first);
        assert_eq!(accounts.len(), count, "{}: raise ACCOUNTS", run.test);
        let trial = Trial::new(&run, self, accounts);
        let record = Record { run, recorder: trial.recorder.clone() };
        self.records.lock().expect("not poisoned").push(record);
        trial
    }

    pub(crate) fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::from(self.design)
    }

    /// The invariants that the design promises.
    pub(crate) fn guarantees(&self) -> Guarantees {
        match self.design {
            Design::Replicated => Guarantees::of_replicated(),
            Design::Central => Guarantees::of_central(),
            Design::Token => Guarantees::of_token(),
            _ => Guarantees::of_memory(),
        }
    }

    /// Restarts all processes that are down, and resumes all that are paused.
    pub(crate) async fn restore(&self) -> anyhow::Result<()> {
        let status = self.cluster.status().await;
        for service in &status.services {
            match service.state {
                State::Down if service.kind.is_some() => {
                    self.execute(&service.id, MemberAction::Restart).await?;
                }
                State::Paused => self.execute(&service.id, MemberAction::Resume).await?,
                _ => {}
            }
        }
        for member in &status.members {
            match member.state {
                ProcessState::Down => {
                    self.execute(&member.id, MemberAction::Restart).await?
                }
                ProcessState::Paused => {
                    self.execute(&member.id, MemberAction::Resume).await?
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The base URLs of the replicas, in the order of their ids.
    pub(crate) async fn replica_urls(&self) -> anyhow::Result<Vec<String>> {
        let members = self.cluster.status().await.members;
        let urls = members.iter().skip(1).map(|member| {
            let address = member.address.context("a replica is down")?;
            Ok(format!("http://{address}"))
        });
        urls.collect()
    }

    /// The base URLs of the replicas that run.
    pub(crate) async fn running_replica_urls(&self) -> Vec<String> {
        let members = self.cluster.status().await.members;
        let running = members.iter().skip(1).filter_map(|member| member.address);
        running.map(|address| format!("http://{address}")).collect()
    }

    /// Whether there is a service of that name with a process that can be killed. An embedded
    /// database is a file. If `LAB_MUST_HAVE` requires local services, their absence is a failure.
    pub(crate) async fn has(&self, service: &str) -> bool {
        let status = self.cluster.status().await;
        let state = status.service(service).map(|found| (found.kind, found.state));
        let can_crash = match state {
            Some((Some(Kind::Embedded), _)) if service == "database" => false,
            Some((Some(_), state)) => state != State::External,
            _ => false,
        };
        if !can_crash {
            let reason = format!("there is no {service} here that could crash");
            assert!(!must_have(Kind::Local), "{MUST_HAVE} names local: {reason}");
            eprintln!("SKIPPED: {reason}");
        }
        can_crash
    }

    /// The value of a metric of one replica.
    pub(crate) async fn metric(&self, id: &str, name: &str) -> anyhow::Result<f64> {
        let status = self.cluster.status().await;
        let member = status.member(id).context("a replica of that name")?;
        let admin = member.admin.context("a replica has an admin listener")?;
        let client = Client::new(&format!("http://{admin}"));
        let page = client.send(client.request(Method::GET, paths::METRICS)).await?;
        ensure!(page.status.is_success(), "{}", page.status);
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let value = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        // A counter that was never incremented is missing.
        Ok(page.lines().find_map(value).unwrap_or_default())
    }
}

fn account(design: Design, number: usize) -> LoginRequest {
    LoginRequest {
        username: format!("{}-{number:03}", design.as_str()),
        password: Secret::new(random_password()),
    }
}
