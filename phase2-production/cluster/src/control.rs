//! How another terminal gives orders: a port on loopback, and a token that only this
//! user can read.

pub mod client;
pub mod server;
mod whereabouts;

/// The name of a cluster when nobody names one.
pub const DEFAULT_NAME: &str = "lab";
