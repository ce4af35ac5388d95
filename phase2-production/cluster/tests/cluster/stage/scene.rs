//! A cluster with people who have accounts there.

use crate::stage::record::Record;
use crate::stage::{Run, Trial};
use crate::support::{MUST_HAVE, must_have, program};
use anyhow::{Context, ensure};
use api_conformance::client::Client;
use api_conformance::target::Way;
use api_contract::secret::Secret;
use api_contract::{Credentials, paths};
use cluster::orders::Order;
use cluster::status::ProcessState;
use cluster::{Cluster, Design, Kind, RunDir, State, Topology, Users};
use http::Method;
use ledger::Promises;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use upload_domain::accounts::random_password;
use upload_domain::passwords::HashCost;
use upload_domain::users_file;

/// Accounts of a cluster: more than its tests meet. Every replica imports them when it
/// starts, so each costs time at every start.
const PEOPLE: usize = 48;

/// How often a start is tried.
const STARTS: usize = 4;

/// Milliseconds after which bytes without a row are orphans: the fewest that the server
/// takes, because minutes would be too long to wait for.
pub(crate) const ORPHAN_GRACE_MS: u64 = 20_000;

/// A cluster, and whom no test has met yet.
pub(crate) struct Scene {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) design: Design,
    strangers: Mutex<Vec<Credentials>>,
    /// Of the trials of the test that plays.
    records: Mutex<Vec<Record>>,
}

impl Scene {
    pub(crate) async fn start(design: Design) -> anyhow::Result<Self> {
        Self::start_with(design, &[]).await
    }

    /// Three replicas, on whatever stores are here.
    pub(crate) async fn start_with(
        design: Design,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let people: Vec<_> = (0..PEOPLE).map(|number| person(design, number)).collect();
        let run_dir = RunDir::create(&program())?;
        // It goes when the run folder does.
        let users = run_dir.path().join("people.json");
        let pairs: Vec<_> = people
            .iter()
            .map(|one| (one.username.as_str(), one.password.expose()))
            .collect();
        users_file::write(&users, &pairs, HashCost::Least)?;
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
            strangers: Mutex::new(people),
            records: Mutex::default(),
        })
    }

    /// Carries out an order. A process ends with the thread that started it (prctl(2)), and
    /// a test's own thread ends with the test: so this is for a thread of the runtime.
    ///
    /// A start that fails is tried again, as a supervisor would: on a busy machine the
    /// database may need longer than a replica waits for it.
    pub(crate) async fn order(&self, id: &str, order: Order) -> anyhow::Result<()> {
        let mut tries = if order == Order::Restart { STARTS } else { 1 };
        loop {
            tries -= 1;
            let (cluster, id) = (Arc::clone(&self.cluster), id.to_owned());
            let done = tokio::spawn(async move { cluster.order(&id, order).await });
            match done.await? {
                Err(error) if tries > 0 => eprintln!("tried again: {error:#}"),
                done => return done,
            }
        }
    }

    /// Plays a test. If it fails, whatever it demanded, its histories are kept.
    pub(crate) async fn keep_what_fails(
        &self,
        play: impl AsyncFnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.records.lock().expect("nobody panics holding it").clear();
        let played = play(self).await;
        let records = self.records.lock().expect("nobody panics holding it");
        played.map_err(|error| {
            let folder = std::env::temp_dir();
            records.iter().fold(error, |error, record| record.keep(&folder, &error))
        })
    }

    /// A test with `count` people whom no other test has met. `seed` is for all that is
    /// random in it.
    pub(crate) fn trial(&self, test: &'static str, seed: u64, count: usize) -> Trial {
        self.trial_of(Run::of(test, seed), count)
    }

    /// The same, of a run that depends on more than its seed.
    pub(crate) fn trial_of(&self, run: Run, count: usize) -> Trial {
        let mut strangers = self.strangers.lock().expect("nobody panics holding it");
        let left = strangers.len().saturating_sub(count);
        let people = strangers.split_off(left);
        assert_eq!(people.len(), count, "{}: raise PEOPLE", run.test);
        let trial = Trial::new(&run, self, people);
        let record = Record { run, recorder: trial.recorder.clone() };
        self.records.lock().expect("nobody panics holding it").push(record);
        trial
    }

    pub(crate) fn way(&self) -> Way {
        match self.design.has_sessions() {
            true => Way::Session,
            false => Way::Token,
        }
    }

    /// What the design promises.
    pub(crate) fn promises(&self) -> Promises {
        match self.design {
            Design::Replicated => Promises::of_replicated(),
            Design::Central => Promises::of_central(),
            Design::Token => Promises::of_token(),
            _ => Promises::of_memory(),
        }
    }

    /// Starts whatever is down, and lets go on whatever is paused.
    pub(crate) async fn mend(&self) -> anyhow::Result<()> {
        let status = self.cluster.status().await;
        for service in &status.services {
            match service.state {
                State::Down if service.kind.is_some() => {
                    self.order(&service.id, Order::Restart).await?;
                }
                State::Paused => self.order(&service.id, Order::Resume).await?,
                _ => {}
            }
        }
        for member in &status.members {
            match member.state {
                ProcessState::Down => self.order(&member.id, Order::Restart).await?,
                ProcessState::Paused => self.order(&member.id, Order::Resume).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The base URLs of the replicas, in the order of their names.
    pub(crate) async fn doors(&self) -> anyhow::Result<Vec<String>> {
        let members = self.cluster.status().await.members;
        let doors = members.iter().skip(1).map(|member| {
            let address = member.address.context("a replica is down")?;
            Ok(format!("http://{address}"))
        });
        doors.collect()
    }

    /// The base URLs of the replicas that run.
    pub(crate) async fn doors_that_are_open(&self) -> Vec<String> {
        let members = self.cluster.status().await.members;
        let open = members.iter().skip(1).filter_map(|member| member.address);
        open.map(|address| format!("http://{address}")).collect()
    }

    /// Whether there is a service of that name with a process that can crash: an embedded
    /// database is a file. Where installed services must be had, it is a failure if not.
    pub(crate) async fn has(&self, service: &str) -> bool {
        let status = self.cluster.status().await;
        let state = status.service(service).map(|found| (found.kind, found.state));
        let has = match state {
            Some((Some(Kind::Embedded), _)) if service == "database" => false,
            Some((Some(_), state)) => state != State::External,
            _ => false,
        };
        if !has {
            let reason = format!("there is no {service} here that could crash");
            assert!(!must_have(Kind::Local), "{MUST_HAVE} names local: {reason}");
            eprintln!("SKIPPED: {reason}");
        }
        has
    }

    /// One figure of a replica: what it has counted since it started.
    pub(crate) async fn metric(&self, id: &str, name: &str) -> anyhow::Result<f64> {
        let status = self.cluster.status().await;
        let member = status.member(id).context("a replica of that name")?;
        let admin = member.admin.context("a replica has an admin listener")?;
        let client = Client::new(&format!("http://{admin}"));
        let page = client.send(client.request(Method::GET, paths::METRICS)).await?;
        ensure!(page.status.is_success(), "{}", page.status);
        let page = String::from_utf8_lossy(&page.body).into_owned();
        let figure = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
        // What has not been counted yet is not shown.
        Ok(page.lines().find_map(figure).unwrap_or_default())
    }
}

fn person(design: Design, number: usize) -> Credentials {
    Credentials {
        username: format!("{}-{number:03}", design.as_str()),
        password: Secret::new(random_password()),
    }
}
