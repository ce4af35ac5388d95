//! Many people at once, each with habits that come from the seed.
//!
//! The same seed gives the same files, keys and choices. In which order the answers come
//! is up to the machine, so two runs are alike and not equal.

mod habit;

use crate::person::{Held, Person};
use crate::recorder::Recorder;
use api_conformance::target::Way;
use api_contract::Credentials;
use habit::Habit;
pub use habit::Left;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// People who do what their habits say until they are told to stop.
#[derive(Debug)]
pub struct Crowd {
    stop: CancellationToken,
    people: JoinSet<Left>,
}

impl Crowd {
    /// Lets all of them begin: one for each account, at `url`.
    #[must_use]
    pub fn start(
        accounts: &[Credentials],
        way: Way,
        url: &str,
        seed: u64,
        recorder: &Recorder,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut people = JoinSet::new();
        for (user, account) in accounts.iter().enumerate() {
            let person = Person::new(user, account.clone(), way, url, recorder.clone());
            people.spawn(Habit::new(person, way, seed).live(stop.clone()));
        }
        Self { stop, people }
    }

    /// Lets all of them finish what they are doing, and returns what each has in hand, by
    /// the users' numbers.
    pub async fn stop(mut self) -> Vec<Left> {
        self.stop.cancel();
        let mut left = Vec::new();
        while let Some(one) = self.people.join_next().await {
            left.extend(one);
        }
        left.sort_by_key(|one| one.person.user);
        left
    }
}

/// Proofs by what has become of them.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Good, as far as its owner knows.
    pub current: Option<Held>,
    /// Ended, and the end was acknowledged.
    pub ended: Vec<Held>,
}
