//! Startup checks: Redis answers, accepts the login, and does not evict keys.

use crate::error::OpenError;
use crate::limits::Limits;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use std::collections::HashMap;
use std::time::Duration;

/// Timeouts are multiplied by this at startup, because a machine that starts many
/// processes is slow.
const STARTUP_TIMEOUT_FACTOR: u32 = 5;

pub(crate) fn client(url: &str) -> Result<Client, OpenError> {
    // The library's error names the defect without repeating the URL.
    Client::open(url).map_err(|error| OpenError::WrongUrl(error.to_string()))
}

pub(crate) async fn check(client: &Client, limits: &Limits) -> Result<(), OpenError> {
    let address = client.get_connection_info().addr().to_string();
    let classified = |error: RedisError| classify(&address, error);
    let mut connection = connect(client, limits).await.map_err(classified)?;
    let reply = redis::cmd("PING").exec_async(&mut connection).await;
    reply.map_err(classified)?;
    match policy(&mut connection).await {
        Ok(Some(policy)) if policy != "noeviction" => {
            Err(OpenError::Evicting { address, policy })
        }
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => {
            tracing::warn!(
                redis = address,
                "Redis does not report its maxmemory-policy; it must be noeviction, or \
                 revocations may be lost"
            );
            Ok(())
        }
    }
}

async fn connect(
    client: &Client,
    limits: &Limits,
) -> Result<MultiplexedConnection, RedisError> {
    let extended = |limit: Duration| Some(limit * STARTUP_TIMEOUT_FACTOR);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(extended(limits.connect_timeout))
        .set_response_timeout(extended(limits.call_timeout));
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn policy(
    connection: &mut MultiplexedConnection,
) -> Result<Option<String>, RedisError> {
    let mut settings: HashMap<String, String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory-policy")
        .query_async(connection)
        .await?;
    Ok(settings.remove("maxmemory-policy"))
}

fn classify(address: &str, source: RedisError) -> OpenError {
    let address = address.to_owned();
    let code = source.code().unwrap_or_default().to_owned();
    match (source.kind(), code.as_str()) {
        (ErrorKind::AuthenticationFailed, _) | (_, "NOAUTH" | "WRONGPASS" | "NOPERM") => {
            let code = if code.is_empty() { "WRONGPASS".to_owned() } else { code };
            OpenError::AuthRefused { address, code }
        }
        (ErrorKind::InvalidClientConfig, _) => OpenError::WrongUrl(source.to_string()),
        (ErrorKind::Io, _) => OpenError::Unreachable { address, source },
        _ => OpenError::Unfit { address, source },
    }
}
