//! Binding a port, with an error message that names the flag to change.

use anyhow::{Context, bail};
use std::future::{Future, ready};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel accepts before the process does.
const BACKLOG: u32 = 1_024;

/// An address that this process has taken. It refuses connections until the process listens.
#[derive(Debug)]
pub struct ReservedAddress {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ReservedAddress {
    /// Accepts connections from now on.
    ///
    /// # Errors
    /// When another process listens there meanwhile. The message names the flag to change.
    pub fn listen(self) -> anyhow::Result<TcpListener> {
        self.socket.listen(BACKLOG).map_err(|error| advice(self.address, error))
    }
}

/// Takes `address` and binds it. Beyond loopback only with `insecure_remote`: these servers speak
/// plain HTTP, and any machine on a shared network could read the passwords.
///
/// # Errors
/// When the address is not loopback and `insecure_remote` is not set, or it cannot be
/// bound. The message names the flag to change.
pub fn reserve(
    address: SocketAddr,
    insecure_remote: bool,
) -> anyhow::Result<ReservedAddress> {
    if !address.ip().is_loopback() && !insecure_remote {
        bail!(
            "{address} can be reached from other machines, and passwords would travel \
             unencrypted. Listen on 127.0.0.1, or give --insecure-remote"
        );
    }
    let bind = || -> io::Result<TcpSocket> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // A restart takes its port again although old connections wait for their end.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    let socket = bind().map_err(|error| advice(address, error))?;
    Ok(ReservedAddress { socket, address })
}

/// As [`reserve`], and listens at once.
///
/// # Errors
/// As [`reserve`].
pub fn bind(
    address: SocketAddr,
    insecure_remote: bool,
) -> impl Future<Output = anyhow::Result<TcpListener>> {
    ready(reserve(address, insecure_remote).and_then(ReservedAddress::listen))
}

fn advice(address: SocketAddr, error: io::Error) -> anyhow::Error {
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
