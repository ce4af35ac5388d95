//! Small servers: a right one, and one for each mistake. `Database` is the store that the
//! replicas share and that outlives them; all other data belongs to one replica.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

pub(crate) mod cached;
pub(crate) mod counter;
pub(crate) mod latest;
pub(crate) mod local_disk;
pub(crate) mod queue;
pub(crate) mod spread;
pub(crate) mod stateless;
pub(crate) mod step_order;
pub(crate) mod sticky;
pub(crate) mod undecided;

type Rows = Mutex<HashMap<String, String>>;

/// A store outside of the replicas. Clones are the same store.
#[derive(Clone, Default)]
pub(crate) struct Database {
    rows: Arc<Rows>,
    /// Memory that the replicas send each other as long as one of them lives.
    spread: Arc<Mutex<Weak<Rows>>>,
}

impl Database {
    pub(crate) fn rows(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.rows.lock().expect("no test panics while it holds this")
    }

    /// Memory that a new replica copies from running ones, and that ends with the last one.
    pub(crate) fn spread_among_replicas(&self) -> Memory {
        let mut spread =
            self.spread.lock().expect("no thread panics while it holds this lock");
        let rows = spread.upgrade().unwrap_or_default();
        *spread = Arc::downgrade(&rows);
        Memory { rows, ..Memory::default() }
    }

    /// Stores a value under a random name.
    pub(crate) fn add(&self, value: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        self.rows().insert(id.clone(), value.to_owned());
        id
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.rows().get(key).cloned()
    }
}

/// A replica's own memory has the same type, and is new at each start.
pub(crate) type Memory = Database;
