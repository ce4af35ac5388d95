//! Tests of the deployment: HAProxy reads the balancer's configuration, and whole clusters run
//! in containers.

mod configuration;
#[cfg(feature = "containers")]
mod containers;
