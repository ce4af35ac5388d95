//! The connection to Redis. This file is finished.

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use std::time::Duration;

/// Redis for commands and for subscriptions.
#[derive(Clone)]
pub struct Redis {
    /// A connection for commands. It is opened at the first command and again after it
    /// breaks. Clones share it. A reply that takes too long is an error.
    pub asking: ConnectionManager,
    /// Opens connections. A subscription needs a separate one.
    #[allow(dead_code)] // until you listen
    pub client: Client,
}

impl Redis {
    pub fn open(url: &str) -> Self {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(500)))
            .set_response_timeout(Some(Duration::from_millis(1000)))
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(10))
            .set_max_delay(Duration::from_millis(50));
        let opened = Client::open(url).and_then(|client| {
            let asking = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
            Ok(Self { asking, client })
        });
        opened.unwrap_or_else(|error| support::give_up(&format!("REDIS_URL: {error}")))
    }
}
