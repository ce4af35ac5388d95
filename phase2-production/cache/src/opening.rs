//! The first look at a Redis: does it answer, does it accept us, does it forget?

use crate::error::OpenError;
use crate::limits::Limits;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use std::collections::HashMap;
use std::time::Duration;

/// At the start there is time: a machine that is busy starting others is slow.
const PATIENCE: u32 = 5;

pub(crate) fn client(url: &str) -> Result<Client, OpenError> {
    // The error of the library names what is wrong with the URL and not the URL.
    Client::open(url).map_err(|error| OpenError::WrongUrl(error.to_string()))
}

pub(crate) async fn check(client: &Client, limits: &Limits) -> Result<(), OpenError> {
    let address = client.get_connection_info().addr().to_string();
    let told = |error: RedisError| told_apart(&address, error);
    let mut connection = connect(client, limits).await.map_err(told)?;
    let asked = redis::cmd("PING").exec_async(&mut connection).await;
    asked.map_err(|error| told_apart(&address, error))?;
    match policy(&mut connection).await {
        Ok(Some(policy)) if policy != "noeviction" => {
            Err(OpenError::Evicting { address, policy })
        }
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(_) => {
            tracing::warn!(
                redis = address,
                "Redis does not tell its maxmemory-policy; it must be noeviction, or what \
                 was revoked may be forgotten"
            );
            Ok(())
        }
    }
}

async fn connect(
    client: &Client,
    limits: &Limits,
) -> Result<MultiplexedConnection, RedisError> {
    let patient = |limit: Duration| Some(limit * PATIENCE);
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(patient(limits.connect))
        .set_response_timeout(patient(limits.command));
    client.get_multiplexed_async_connection_with_config(&config).await
}

async fn policy(
    connection: &mut MultiplexedConnection,
) -> Result<Option<String>, RedisError> {
    let mut told: HashMap<String, String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory-policy")
        .query_async(connection)
        .await?;
    Ok(told.remove("maxmemory-policy"))
}

fn told_apart(address: &str, source: RedisError) -> OpenError {
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
