//! Redis, Postgres and S3: found on the machine or started, and stopped again.
//!
//! Nothing has to be installed or running before. What is started is private: a port of
//! its own on 127.0.0.1, a random password, a folder of its own. It ends with the value
//! that stands for it, and with this process even if that is killed with SIGKILL.
//!
//! Reading order: `kind` (what there can be), `choice` (which one is taken, and why),
//! `service` (what can be done to it), `family` and `guard` (a server's processes, and
//! how none is left behind), then one file a server.

mod choice;
mod container;
mod database;
mod family;
mod guard;
mod home;
mod kind;
mod port;
mod probe;
mod programs;
mod redis;
mod s3;
mod service;
mod spawn;

pub use choice::{Offer, offers};
pub use container::{OWNER_LABEL, owner, remove_abandoned};
pub use database::database;
pub use kind::{Backing, Kind, State, What};
pub use redis::redis;
pub use s3::s3;
pub use service::Service;
