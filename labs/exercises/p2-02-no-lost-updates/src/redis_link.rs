//! The connection to the Redis that all replicas share. This file is finished.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use std::time::Duration;

/// An error of Redis.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// One connection for the whole replica. Clones share it: it sends the commands of all
/// requests one after the other, in any order.
pub fn connect(url: &str) -> Result<ConnectionManager, Trouble> {
    let limits = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(1)))
        .set_response_timeout(Some(Duration::from_secs(5)))
        .set_number_of_retries(2);
    let client = redis::Client::open(url)?;
    Ok(ConnectionManager::new_lazy_with_config(client, limits)?)
}
