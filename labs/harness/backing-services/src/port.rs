//! Ports and passwords of private servers.

use anyhow::Context;
use std::net::{Ipv4Addr, TcpListener};

/// The first port. The range is below the ephemeral ports, so that no outgoing connection
/// takes the port of a server that is down.
const FIRST_PORT: u16 = 20_000;

/// The number of ports in the range.
const PORT_COUNT: u16 = 10_000;

/// The maximum number of ports to try.
const MAX_ATTEMPTS: usize = 64;

/// A port on 127.0.0.1 without a listener.
pub(crate) fn free() -> anyhow::Result<u16> {
    for _ in 0..MAX_ATTEMPTS {
        let port = FIRST_PORT + random_u16()? % PORT_COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between {FIRST_PORT} and {}", FIRST_PORT + PORT_COUNT)
}

fn random_u16() -> anyhow::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes)
        .context("the operating system's random generator failed")?;
    Ok(u16::from_le_bytes(bytes))
}

/// A password of 32 hex digits, which needs no escaping.
pub(crate) fn password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .context("the operating system's random generator failed")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
