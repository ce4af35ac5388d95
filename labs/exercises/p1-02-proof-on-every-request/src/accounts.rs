//! Accounts, and the check of a password. This file is finished.
//!
//! A password is kept as PBKDF2 of it (RFC 8018 §5.2): a hash of a hash of a hash, so many
//! times that whoever steals the list cannot try out many passwords. The server pays that
//! price too, whenever it checks one. OWASP asks for 600 000 rounds of this hash; here
//! there are fewer, because an unoptimised build is slow enough.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;

/// Everybody who may log in.
#[derive(Debug)]
pub struct Accounts {
    known: HashMap<String, Account>,
    nobody: Account,
}

/// What is kept of one password.
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
        // No password is known that hashes to zeros.
        let nobody = Account { salt: String::new(), rounds, hash: [0; 32] };
        Self { known: known.collect(), nobody }
    }

    /// The account of this name, if there is one. This is fast.
    pub fn find(&self, username: &str) -> Option<&Account> {
        self.known.get(username)
    }

    /// An account that is nobody's: no password opens it, and to find that out takes as
    /// long as for any other.
    #[allow(dead_code)]
    pub fn nobody(&self) -> &Account {
        &self.nobody
    }
}

impl Account {
    /// Whether this is the password. This is slow, whatever the answer.
    pub fn has_password(&self, password: &str) -> bool {
        let hash = pbkdf2(password, &self.salt, self.rounds);
        // Every byte is looked at, so that the time does not tell how many were right.
        let differ =
            hash.iter().zip(self.hash).fold(0, |differ, (a, b)| differ | (a ^ b));
        differ == 0
    }
}

/// PBKDF2 with HMAC-SHA256, for the one block that 32 bytes are.
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
