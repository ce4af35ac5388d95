//! The context of a check: it starts replicas, sends requests, draws random values and
//! records the transcript.

use crate::balancer::BalancerProxy;
use crate::call::Call;
use crate::check_error::CheckError;
use crate::replica::{Replica, SharedSetup};
use crate::transcript::Transcript;
use backing_services::Service;
use http::Method;
use load_balancer::config::Policy;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Arc, Mutex, PoisonError};

/// One run of one check. Its replicas, balancers and services end with it.
#[derive(Debug)]
pub struct CheckContext {
    pub(crate) setup: Arc<SharedSetup>,
    pub(crate) http: reqwest::Client,
    pub(crate) services: Vec<Service>,
    rng: Mutex<ChaCha8Rng>,
    replicas: Mutex<Vec<Replica>>,
    replica_started: tokio::sync::Notify,
}

impl CheckContext {
    pub(crate) fn new(
        setup: SharedSetup,
        http: reqwest::Client,
        services: Vec<Service>,
        seed: u64,
    ) -> Self {
        Self {
            setup: Arc::new(setup),
            http,
            services,
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            replicas: Mutex::default(),
            replica_started: tokio::sync::Notify::new(),
        }
    }

    /// Starts a replica with arguments such as `["--idle-ms", "900"]`. The first is named
    /// `r1`.
    ///
    /// # Errors
    /// [`CheckError::Failed`] when it does not become ready.
    pub async fn start(&self, args: &[&str]) -> Result<Replica, CheckError> {
        let name = format!("r{}", self.replicas().len() + 1);
        let replica = Replica::start(Arc::clone(&self.setup), &name, args).await?;
        self.note(format!("started replica {name} at {}", replica.url()));
        self.keep(&replica);
        self.replica_started.notify_waiters();
        Ok(replica)
    }

    /// Starts the lab's load balancer in front of replicas.
    ///
    /// # Errors
    /// [`CheckError::Harness`] when it does not start.
    pub async fn balance(
        &self,
        replicas: &[&Replica],
        policy: Policy,
    ) -> Result<BalancerProxy, CheckError> {
        let balanced = BalancerProxy::start(replicas, policy).await?;
        let names: Vec<_> = replicas.iter().map(|replica| replica.name()).collect();
        self.note(format!(
            "a load balancer for {} at {}",
            names.join(", "),
            balanced.url()
        ));
        Ok(balanced)
    }

    /// A `GET` request for a path on a replica or balancer.
    #[must_use]
    pub fn get(&self, url: &str, path: &str) -> Call {
        self.call(Method::GET, url, path)
    }

    /// A `POST` request to a path.
    #[must_use]
    pub fn post(&self, url: &str, path: &str) -> Call {
        self.call(Method::POST, url, path)
    }

    /// A request with any method.
    #[must_use]
    pub fn call(&self, method: Method, url: &str, path: &str) -> Call {
        let transcript = self.setup.transcript.clone();
        Call::new(self.http.clone(), transcript, method, format!("{url}{path}"))
    }

    /// The transcript of this run.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.setup.transcript
    }

    /// Adds a line to the transcript.
    pub fn note(&self, line: impl AsRef<str>) {
        self.setup.transcript.note(line);
    }

    /// A backing service that the manifest requires, to kill, pause or inspect.
    ///
    /// # Errors
    /// [`CheckError::Harness`] when the manifest does not require it.
    pub fn service(
        &self,
        what: backing_services::ServiceType,
    ) -> Result<&Service, CheckError> {
        let found = self.services.iter().find(|service| service.what() == what);
        found.ok_or_else(|| {
            anyhow::anyhow!("the manifest does not require {}", what.as_str()).into()
        })
    }

    /// A random number in `from..to`.
    #[must_use]
    pub fn random_number(&self, from: u64, to: u64) -> u64 {
        self.rng().random_range(from..to)
    }

    /// A random element.
    #[must_use]
    pub fn choose<'a, T>(&self, these: &'a [T]) -> &'a T {
        &these[self.rng().random_range(0..these.len())]
    }

    /// A random word of eight letters.
    #[must_use]
    pub fn random_word(&self) -> String {
        let mut rng = self.rng();
        let letter = |_| char::from(b'a' + (rng.next_u32() % 26) as u8);
        (0..8).map(letter).collect()
    }

    /// A random user name.
    #[must_use]
    pub fn random_user(&self) -> String {
        format!(
            "{}-{}",
            self.choose(&["ada", "grace", "alan", "edsger", "barbara"]),
            self.random_word()
        )
    }

    /// Kills all replicas and waits until they have exited.
    pub(crate) async fn finish(&self) {
        for replica in self.replicas() {
            replica.finish().await;
        }
    }

    /// The logs of all replicas.
    pub(crate) fn log(&self) -> String {
        self.replicas().iter().map(Replica::log).collect()
    }

    /// The exit reasons of replicas that the check did not stop.
    pub(crate) fn exit_reasons(&self) -> Vec<String> {
        self.replicas().iter().filter_map(Replica::exit_reason).collect()
    }

    /// Resolves with the name of a replica that exceeds the output limit.
    pub(crate) async fn output_limit_exceeded(&self) -> String {
        loop {
            let replica_started = self.replica_started.notified();
            let replicas = self.replicas();
            let output_limit_exceeded =
                replicas.iter().map(|replica| Box::pin(replica.output_limit_exceeded()));
            let output_limit_exceeded: Vec<_> = output_limit_exceeded.collect();
            if output_limit_exceeded.is_empty() {
                replica_started.await;
                continue;
            }
            tokio::select! {
                () = replica_started => {}
                (_, which, _) = futures_util::future::select_all(output_limit_exceeded) => {
                    return replicas[which].name().to_owned();
                }
            }
        }
    }

    fn keep(&self, replica: &Replica) {
        let mut replicas = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        replicas.push(replica.clone());
    }

    fn replicas(&self) -> Vec<Replica> {
        self.replicas.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, ChaCha8Rng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
