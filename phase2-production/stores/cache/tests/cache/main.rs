//! The cache against a real Redis that is paused, killed and flushed.
//!
//! Unless noted, a test runs on each Redis of this machine: the installed and the
//! embedded one must behave the same.

mod deny_and_rate;
mod failover;
mod faults;
mod identity;
mod sessions;
mod startup;
mod support;
