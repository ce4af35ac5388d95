//! The control API, for commands from another terminal: a port on loopback, and a token that
//! only this user can read.

pub mod client;
mod control_file;
pub mod server;

/// The default name of a cluster.
pub const DEFAULT_NAME: &str = "lab";
