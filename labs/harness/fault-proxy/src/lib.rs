//! A TCP proxy that delays, cuts, resets and throttles connections. Tests put it in front of
//! Redis, Postgres or a replica.
//!
//! The faults and their names are those of Shopify's Toxiproxy, with two differences. A toxic
//! also applies to existing connections, because a network fails for these, too. Random
//! values come from a seed.
//!
//! Reading order: `toxic` (the faults), `proxy` (the listener and the control methods),
//! `connection` (one client and its server), `pipe` (one direction of a connection).

mod connection;
mod pipe;
mod proxy;
mod state;
mod toxic;

pub use proxy::FaultProxy;
pub use toxic::{Direction, Toxic, Toxics};
