//! Binding a port, with an error message that names the flag to change.

use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Binds `address`. Beyond loopback only with `insecure_remote`: these servers speak
/// plain HTTP, and any machine on a shared network could read the passwords.
///
/// # Errors
/// When the address is not loopback and `insecure_remote` is not set, or it cannot be
/// bound. The message names the flag to change.
pub async fn bind(
    address: SocketAddr,
    insecure_remote: bool,
) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() && !insecure_remote {
        bail!(
            "{address} can be reached from other machines, and passwords would travel \
             unencrypted. Listen on 127.0.0.1, or give --insecure-remote"
        );
    }
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program has this port. Choose another with --listen, \
                 or port 0 for any free one"
            }
            ErrorKind::PermissionDenied => {
                "ports below 1024 need permission. Choose a higher one with --listen"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine has no such address. Listen on 127.0.0.1"
            }
            _ => "choose another address with --listen",
        };
        anyhow::Error::new(error).context(format!("cannot listen on {address}: {advice}"))
    })
}

/// Binds an admin listener. It has no login, so it must be on loopback.
///
/// # Errors
/// When the address is not loopback or cannot be bound.
pub async fn bind_admin(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        bail!(
            "--admin-listen {address}: the admin listener stays on loopback (127.0.0.1)"
        );
    }
    bind(address, false).await.context("the admin listener")
}
