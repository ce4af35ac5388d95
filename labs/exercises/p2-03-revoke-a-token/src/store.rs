//! The way to Redis, and two small things that both of your files need. Finished.

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::time::Duration;

/// A connection that is made when it is first used, and anew when it broke. Clones share
/// it. An answer that does not come soon is an error: nobody waits for a Redis that hangs.
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

/// 128 bits from the operating system's generator, as a word.
pub fn random() -> String {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system's generator works");
    hex(&bytes)
}

/// What a secret can be known by without being known: its SHA-256, as a word.
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
