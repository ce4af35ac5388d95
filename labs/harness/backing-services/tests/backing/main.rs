//! Tests of every kind of service that this machine has: start, kill, pause, restart with its
//! data, and clean-up.

#[cfg(feature = "containers")]
mod containers;
mod database;
mod leftovers;
mod membership;
mod redis;
mod s3;
mod selection;
mod support;
