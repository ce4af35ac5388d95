//! Accounts and password checks. This file is finished.
//!
//! A password is stored as its PBKDF2 hash (RFC 8018 §5.2). Many rounds of hashing make
//! it expensive to try passwords against a stolen list, and also make each check by the
//! server expensive. OWASP recommends 600 000 rounds of this hash; here there are fewer,
//! because an unoptimised build is slow.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;

/// All accounts.
#[derive(Debug)]
pub struct Accounts {
    known: HashMap<String, Account>,
    nobody: Account,
}

/// The stored hash of one password.
#[derive(Debug)]
pub struct Account {
    // A real salt is random. The name is enough for a list that ends with the process.
    salt: String,
    rounds: u64,
    hash: [u8; 32],
}

impl Accounts {
    /// Reads a list such as `ada:correct-horse,grace:battery-staple`.
    pub fn parse(list: &str, rounds: u64) -> Self {
        let pairs = list.split(',').filter_map(|pair| pair.split_once(':'));
        let known = pairs.map(|(username, password)| {
            let hash = pbkdf2(password, username, rounds);
            let account = Account { salt: username.to_owned(), rounds, hash };
            (username.to_owned(), account)
        });
        // No known password has an all-zero hash.
        let nobody = Account { salt: String::new(), rounds, hash: [0; 32] };
        Self { known: known.collect(), nobody }
    }

    /// The account of this name, if there is one. This is fast.
    pub fn find(&self, username: &str) -> Option<&Account> {
        self.known.get(username)
    }

    /// A dummy account: no password matches it, and checking one takes as long as for a
    /// real account.
    #[allow(dead_code)]
    pub fn nobody(&self) -> &Account {
        &self.nobody
    }
}

impl Account {
    /// Whether this is the password. This is slow in both cases.
    pub fn has_password(&self, password: &str) -> bool {
        let hash = pbkdf2(password, &self.salt, self.rounds);
        // Every byte is compared, so that the duration does not reveal how many were
        // right.
        let differ =
            hash.iter().zip(self.hash).fold(0, |differ, (a, b)| differ | (a ^ b));
        differ == 0
    }
}

/// PBKDF2 with HMAC-SHA256, for a single block of 32 bytes.
fn pbkdf2(password: &str, salt: &str, rounds: u64) -> [u8; 32] {
    let keyed = Hmac::<Sha256>::new_from_slice(password.as_bytes());
    let keyed = keyed.expect("a key of any length will do");
    let hash_of = |bytes: &[u8]| -> [u8; 32] {
        keyed.clone().chain_update(bytes).finalize().into_bytes().into()
    };
    let mut last = hash_of(&[salt.as_bytes(), &1_u32.to_be_bytes()].concat());
    let mut all = last;
    for _ in 1..rounds {
        last = hash_of(&last);
        all.iter_mut().zip(last).for_each(|(all, last)| *all ^= last);
    }
    all
}
