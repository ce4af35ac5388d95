//! Every kind of service that this machine offers: it starts, answers, is killed, paused
//! and started again with its data, and leaves nothing behind.

mod choice;
#[cfg(feature = "containers")]
mod containers;
mod database;
mod leftovers;
mod redis;
mod s3;
mod support;
