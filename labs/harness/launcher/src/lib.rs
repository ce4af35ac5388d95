//! The launcher: starts replicas and their balancer as real processes, kills and restarts
//! them, and removes everything at the end.
//!
//! Reading order: `topology` (the configuration), `role` (the roles of a process),
//! `ready_process` (one child), `member` (a child that can be restarted), `cluster` (all
//! members and their shared services), `control` (the control API for other terminals).

mod balancer;
pub mod cluster;
pub mod commands;
pub mod control;
mod member;
mod ready_process;
pub mod role;
pub mod status;
pub mod topology;

pub use api_contract::design::Design;
pub use backing_services::{Backing, Kind, State};
pub use balancer::BalancerTimeout;
pub use cluster::Cluster;
pub use process::{Program, RunDir};
pub use topology::{Files, Reach, ServerKind, Tls, Topology, Users};
