//! Finds or starts Redis, Postgres and S3, and stops them again.
//!
//! Nothing has to be installed or running. A started service is private: it has its own port
//! on 127.0.0.1, a random password and its own data folder. It ends when its [`Service`] is
//! dropped, and when this process ends, even by SIGKILL.
//!
//! Reading order: `kind` (the kinds of services), `selection` (the choice of a kind, and its
//! reason), `service` (its operations), `processes` and `data_dir` (a server's processes, and
//! the end of all of them), then one file for each server.

mod account;
mod command_line;
mod container;
mod data_dir;
mod database;
mod found;
mod haproxy;
mod kind;
mod port;
mod probe;
mod processes;
mod programs;
mod redis;
mod s3;
mod selection;
mod service;
mod sqlite_file;

pub use command_line::hide_in_own_command_line;
pub use container::{OWNER_LABEL, owner, remove_orphan_containers};
pub use database::database;
pub use haproxy::{haproxy, haproxy_version};
pub use kind::{Backing, Kind, ServiceType, State};
pub use redis::{RedisOptions, redis, redis_with};
pub use s3::s3;
pub use selection::{Offer, offers};
pub use service::Service;
pub use sqlite_file::sqlite_file;
