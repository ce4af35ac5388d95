//! The balancer from outside: real sockets, replicas that the test plays itself.
//!
//! `rig` starts a balancer, `replica` a server that behaves, `scripted` one that does
//! not, `wire` speaks HTTP by hand where a client library would tidy up. One file a
//! topic follows.

#![expect(clippy::unwrap_used, reason = "the rig is part of the tests")]

mod replica;
mod rig;
mod scripted;
mod wire;

mod clients;
mod draining;
mod framing;
mod health;
mod identity;
mod memory;
mod once;
mod orders;
mod selection;
mod tls;
mod tunnels;
