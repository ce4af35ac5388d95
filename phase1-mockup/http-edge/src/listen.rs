//! Binding a port, with an error that says what to do.

use anyhow::{Context, bail};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Binds `address`. Beyond loopback only with `insecure_remote`: these servers speak
/// plain HTTP, and a password on a shared network is everybody's.
///
/// # Errors
/// When the address is not loopback and that was not asked for, or cannot be bound;
/// the message names the flag to change.
pub async fn bind(
    address: SocketAddr,
    insecure_remote: bool,
) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() && !insecure_remote {
        bail!(
            "{address} can be reached from other machines, and passwords would travel \
             unencrypted. Listen on 127.0.0.1, or say --insecure-remote"
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

/// Binds the admin listener, which has no login and therefore never leaves loopback.
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
