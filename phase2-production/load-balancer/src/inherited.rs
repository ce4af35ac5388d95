//! A listening socket that the parent process has opened. It stays open while one balancer
//! stops and the next starts, so clients wait in its backlog instead of being refused.

use anyhow::{Context, bail};
use nix::unistd::close;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::os::fd::RawFd;
use tokio::net::TcpListener;

/// The listener at descriptor `fd` of this process.
///
/// The kernel copies the descriptor (`pidfd_getfd`), because std has only an unsafe way to
/// own one by its number. The original is closed, because the port would stay open with it
/// after the copy is dropped.
///
/// # Errors
/// When there is no such descriptor, it is no bound TCP socket, or other machines can reach
/// it and `insecure_remote` is not set.
pub(crate) fn listener(fd: RawFd, insecure_remote: bool) -> anyhow::Result<TcpListener> {
    let flag = || {
        format!(
            "--listen-fd {fd}: this is not a listening TCP socket. The parent process has \
             to bind it, and to keep it open across exec"
        )
    };
    let process = pidfd_open(getpid(), PidfdFlags::empty()).with_context(flag)?;
    let socket = pidfd_getfd(process, fd, PidfdGetfdFlags::empty()).with_context(flag)?;
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().with_context(flag)?;
    if address.port() == 0 {
        bail!(flag());
    }
    if !address.ip().is_loopback() && !insecure_remote {
        bail!(
            "--listen-fd {fd}: {address} can be reached from other machines, and passwords \
             would travel unencrypted. Bind 127.0.0.1, or give --insecure-remote"
        );
    }
    close(fd).with_context(flag)?;
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}
