//! Startup checks: Redis answers, accepts the login, tells its identity, and does not evict
//! keys.

use crate::error::OpenError;
use crate::limits::Limits;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, ProtocolVersion,
    RedisError,
};
use std::time::Duration;

/// Timeouts are multiplied by this at startup, because a machine that starts many
/// processes is slow.
const STARTUP_TIMEOUT_FACTOR: u32 = 5;

/// The only policy with which no key is lost.
pub(crate) const NO_EVICTION: &str = "noeviction";

/// Uses RESP2 whatever the URL says: with RESP3 the library reconnects without a failed call,
/// perhaps to another server, and that server is used until the next heartbeat.
pub(crate) fn client(url: &str) -> Result<Client, OpenError> {
    // The library's error names the defect without repeating the URL.
    let wrong = |error: RedisError| OpenError::WrongUrl(error.to_string());
    let info = url.into_connection_info().map_err(wrong)?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Client::open(info.set_redis_settings(settings)).map_err(wrong)
}

pub(crate) async fn check(client: &Client, limits: &Limits) -> Result<(), OpenError> {
    let address = client.get_connection_info().addr().to_string();
    let classified = |error: RedisError| classify(&address, error);
    let mut connection = connect(client, limits).await.map_err(classified)?;
    let reply = redis::cmd("PING").exec_async(&mut connection).await;
    reply.map_err(classified)?;
    let server = info(&mut connection, "server").await;
    let memory = info(&mut connection, "memory").await;
    let (Ok(server), Ok(memory)) = (&server, &memory) else {
        return Err(OpenError::Unidentified { address });
    };
    match (field(server, "run_id"), field(memory, "maxmemory_policy")) {
        (Some(_), Some(NO_EVICTION)) => Ok(()),
        (Some(_), Some(policy)) => {
            Err(OpenError::Evicting { address, policy: policy.to_owned() })
        }
        _ => Err(OpenError::Unidentified { address }),
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

/// A section of `INFO`. `CONFIG` would tell the policy, too, but a hosted Redis often hides it.
async fn info(
    connection: &mut MultiplexedConnection,
    section: &str,
) -> Result<String, RedisError> {
    redis::cmd("INFO").arg(section).query_async(connection).await
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).map(str::trim).filter(|value| !value.is_empty())
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
