//! What a check is given: replicas to start, requests to send, chance, and the transcript.

use crate::balanced::Balanced;
use crate::client::Call;
use crate::replica::{Ground, Replica};
use crate::stop::Stop;
use crate::transcript::Transcript;
use backing_services::Service;
use http::Method;
use load_balancer::config::Policy;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::{Arc, Mutex, PoisonError};

/// One run of one check. Everything in it ends with it.
#[derive(Debug)]
pub struct Exam {
    pub(crate) ground: Arc<Ground>,
    pub(crate) http: reqwest::Client,
    pub(crate) services: Vec<Service>,
    chance: Mutex<ChaCha8Rng>,
    replicas: Mutex<Vec<Replica>>,
    news: tokio::sync::Notify,
}

impl Exam {
    pub(crate) fn new(
        ground: Ground,
        http: reqwest::Client,
        services: Vec<Service>,
        seed: u64,
    ) -> Self {
        Self {
            ground: Arc::new(ground),
            http,
            services,
            chance: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            replicas: Mutex::default(),
            news: tokio::sync::Notify::new(),
        }
    }

    /// Starts a replica with arguments such as `["--idle-ms", "900"]`; the first is `r1`.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not come up.
    pub async fn start(&self, args: &[&str]) -> Result<Replica, Stop> {
        let name = format!("r{}", self.replicas().len() + 1);
        let replica = Replica::start(Arc::clone(&self.ground), &name, args).await?;
        self.say(format!("started replica {name} at {}", replica.url()));
        self.keep(&replica);
        self.news.notify_waiters();
        Ok(replica)
    }

    /// Puts the lab's own load balancer in front of replicas.
    ///
    /// # Errors
    /// [`Stop::Broken`] when it does not start.
    pub async fn balance(
        &self,
        replicas: &[&Replica],
        policy: Policy,
    ) -> Result<Balanced, Stop> {
        let balanced = Balanced::start(replicas, policy).await?;
        let names: Vec<_> = replicas.iter().map(|replica| replica.name()).collect();
        self.say(format!(
            "a load balancer for {} at {}",
            names.join(", "),
            balanced.url()
        ));
        Ok(balanced)
    }

    /// `GET` of a path on a replica or balancer, by its URL.
    #[must_use]
    pub fn get(&self, url: &str, path: &str) -> Call {
        self.call(Method::GET, url, path)
    }

    /// `POST` to a path.
    #[must_use]
    pub fn post(&self, url: &str, path: &str) -> Call {
        self.call(Method::POST, url, path)
    }

    /// A request of any method.
    #[must_use]
    pub fn call(&self, method: Method, url: &str, path: &str) -> Call {
        let transcript = self.ground.transcript.clone();
        Call::new(self.http.clone(), transcript, method, format!("{url}{path}"))
    }

    /// The story so far, to add lines to.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.ground.transcript
    }

    /// Adds a line to the story.
    pub fn say(&self, line: impl AsRef<str>) {
        self.ground.transcript.say(line);
    }

    /// The backing service that the manifest asks for, to kill, pause or look into.
    ///
    /// # Errors
    /// [`Stop::Broken`] when the manifest does not ask for it.
    pub fn service(&self, what: backing_services::What) -> Result<&Service, Stop> {
        let found = self.services.iter().find(|service| service.what() == what);
        found.ok_or_else(|| {
            anyhow::anyhow!("the manifest does not ask for {}", what.as_str()).into()
        })
    }

    /// A number from `from` up to and without `to`, by chance.
    #[must_use]
    pub fn number(&self, from: u64, to: u64) -> u64 {
        self.chance().random_range(from..to)
    }

    /// One of these, by chance.
    #[must_use]
    pub fn one_of<'a, T>(&self, these: &'a [T]) -> &'a T {
        &these[self.chance().random_range(0..these.len())]
    }

    /// A word of eight letters that nobody knows beforehand.
    #[must_use]
    pub fn word(&self) -> String {
        let mut chance = self.chance();
        let letter = |_| char::from(b'a' + (chance.next_u32() % 26) as u8);
        (0..8).map(letter).collect()
    }

    /// A user's name that nobody knows beforehand.
    #[must_use]
    pub fn user(&self) -> String {
        format!(
            "{}-{}",
            self.one_of(&["ada", "grace", "alan", "edsger", "barbara"]),
            self.word()
        )
    }

    /// Returns when no replica is left.
    pub(crate) async fn finish(&self) {
        for replica in self.replicas() {
            replica.finish().await;
        }
    }

    /// What the replicas wrote.
    pub(crate) fn log(&self) -> String {
        self.replicas().iter().map(Replica::log).collect()
    }

    /// How replicas ended that nobody told to.
    pub(crate) fn fates(&self) -> Vec<String> {
        self.replicas().iter().filter_map(Replica::fate).collect()
    }

    /// Resolves when a replica has written more than it may.
    pub(crate) async fn flood(&self) -> String {
        loop {
            let news = self.news.notified();
            let replicas = self.replicas();
            let floods = replicas.iter().map(|replica| Box::pin(replica.floods()));
            let floods: Vec<_> = floods.collect();
            if floods.is_empty() {
                news.await;
                continue;
            }
            tokio::select! {
                () = news => {}
                (_, which, _) = futures_util::future::select_all(floods) => {
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

    fn chance(&self) -> std::sync::MutexGuard<'_, ChaCha8Rng> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
