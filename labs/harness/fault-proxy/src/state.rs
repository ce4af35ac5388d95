//! The state that a proxy and its connections share.

use crate::toxic::Toxics;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::watch;

/// The state that the proxy and its connections share.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) toxics: watch::Sender<Toxics>,
    /// Incremented to reset the existing connections.
    pub(crate) resets: watch::Sender<u64>,
    /// Connections that exist continue with a new target.
    pub(crate) target: watch::Sender<SocketAddr>,
    pub(crate) open: Arc<AtomicUsize>,
    /// Bytes that were read and not yet written, by direction.
    pub(crate) buffered: Arc<[AtomicUsize; 2]>,
}
