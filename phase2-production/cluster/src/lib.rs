//! Starts replicas and their balancer as real processes, kills them for real, restarts
//! them, and leaves nothing behind.
//!
//! Reading order: `topology` (what to start), `role` (what a process is), `parent` (why
//! it dies with us), `process` (one child), `replica` (one child that may be restarted),
//! `cluster` (all of them, and the services they share), `control` (how another terminal
//! gives orders).

mod balancer;
pub mod cluster;
pub mod control;
pub mod orders;
pub mod parent;
mod process;
mod reaper;
mod replica;
pub mod role;
mod run_dir;
mod spawner;
pub mod status;
pub mod topology;

pub use api_contract::design::Design;
pub use backing_services::{Backing, Kind, State};
pub use balancer::TooBusy;
pub use cluster::Cluster;
pub use run_dir::RunDir;
pub use topology::{Files, Program, Reach, ServerKind, Tls, Topology, Users};
