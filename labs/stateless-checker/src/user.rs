//! One user: its random values, its captured values, and its cookies.

use crate::template::Values;
use client::{CookieJar, set_cookies};
use http::HeaderMap;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

/// Values that differ for every user.
pub(crate) const RANDOM_VALUES: [&str; 3] =
    ["random.user", "random.text", "random.number"];

/// Makes users: the same ones in the same order for the same seed.
pub(crate) struct Users {
    rng: ChaCha8Rng,
    values: Values,
}

impl Users {
    pub(crate) fn new(seed: u64, values: Values) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), values }
    }

    /// A new user.
    pub(crate) fn next(&mut self) -> User {
        let mut values = self.values.clone();
        let (a, b) = (self.rng.next_u32(), self.rng.next_u64());
        let own = [json!(format!("user-{a:08x}")), json!(format!("text {b:016x}"))];
        let number = json!(self.rng.random_range(1000..1_000_000_u32));
        let own = own.into_iter().chain([number]);
        values.extend(RANDOM_VALUES.map(str::to_owned).into_iter().zip(own));
        User { values, jar: CookieJar::default() }
    }
}

/// One user.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) values: Values,
    jar: CookieJar,
}

impl User {
    /// Stores the cookies that a reply sets; returns whether there were any.
    pub(crate) fn store_cookies(&self, headers: &HeaderMap) -> bool {
        self.jar.store(headers);
        set_cookies(headers).next().is_some()
    }

    /// The `Cookie` header of the next request.
    pub(crate) fn cookies(&self) -> Option<String> {
        self.jar.header()?.to_str().ok().map(str::to_owned)
    }

    pub(crate) fn set_value(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }
}
