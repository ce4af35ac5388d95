//! The way to Redis. Finished.

use redis::Client;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use std::time::Duration;

/// Redis, in the two ways that are needed: to ask, and to listen.
#[derive(Clone)]
pub struct Redis {
    /// A connection that is made when it is first used, and anew when it broke. Clones
    /// share it. An answer that does not come soon is an error.
    pub asking: ConnectionManager,
    /// Makes connections; whoever listens needs one of its own.
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
