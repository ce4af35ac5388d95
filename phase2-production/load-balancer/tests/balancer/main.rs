//! The balancer from outside: real sockets, replicas that the test plays itself.
//!
//! `rig` starts a balancer, `replica` a server that behaves, `scripted` one that does
//! not, `wire` speaks HTTP by hand where a client library would tidy up. One file a
//! topic follows.
//!
//! What `either!` lists holds for HAProxy too, with the configuration in `deployment/`:
//! `front` is a balancer of either kind. The rest is about ours alone.

#![expect(clippy::unwrap_used, reason = "the rig is part of the tests")]

#[macro_use]
mod front;
mod haproxy;
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
mod names;
mod once;
mod orders;
mod selection;
mod streaming;
mod tls;
mod tunnels;
