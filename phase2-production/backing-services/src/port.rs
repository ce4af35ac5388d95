//! A port for a private server.

use anyhow::Context;
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which systems take ports for outgoing connections, so that nobody
/// takes a server's port by chance while it is down for a moment.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// How many ports are tried.
const ATTEMPTS: usize = 64;

/// A port on 127.0.0.1 that nobody listens on now.
pub(crate) fn free() -> anyhow::Result<u16> {
    for _ in 0..ATTEMPTS {
        let port = FIRST + random_u16()? % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("found no free port between {FIRST} and {}", FIRST + COUNT)
}

fn random_u16() -> anyhow::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(u16::from_le_bytes(bytes))
}

/// A password of 32 letters and digits that needs no escaping anywhere.
pub(crate) fn password() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system gives no randomness")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
