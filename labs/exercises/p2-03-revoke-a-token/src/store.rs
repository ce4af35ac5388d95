//! The connection to Redis, and two functions that both of your files need. This file is
//! finished.

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::time::Duration;

/// A connection that is opened at the first command and again after it breaks. Clones
/// share it. A reply that takes too long is an error, so no request waits for a hanging
/// Redis.
pub type Store = ConnectionManager;

pub fn open(url: &str) -> Store {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(500)))
        .set_response_timeout(Some(Duration::from_millis(1000)))
        .set_number_of_retries(1)
        .set_min_delay(Duration::from_millis(10))
        .set_max_delay(Duration::from_millis(50));
    let client = Client::open(url);
    client
        .and_then(|client| ConnectionManager::new_lazy_with_config(client, config))
        .unwrap_or_else(|error| support::give_up(&format!("REDIS_URL: {error}")))
}

/// 128 random bits from the operating system, in hex.
pub fn random() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    hex(&bytes)
}

/// The SHA-256 hash of a secret, in hex. It identifies the secret without revealing it.
#[allow(dead_code)] // until you use it
pub fn fingerprint(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut word, byte| {
        let _infallible = write!(word, "{byte:02x}");
        word
    })
}
