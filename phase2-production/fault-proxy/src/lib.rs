//! A TCP proxy that delays, cuts, resets and narrows what passes through it, to be put in
//! front of Redis, Postgres or a replica in a test.
//!
//! The faults are those of Shopify's Toxiproxy, by the same names where there is one. Two
//! things are otherwise: a toxic counts for connections that exist already as well, because
//! a network does not fail for new connections only; and what is random comes from a seed.
//!
//! Reading order: `toxic` (what can go wrong), `proxy` (who listens, and what a test says
//! to it), `conversation` (one client and its server), `pipe` (one direction of that).

mod conversation;
mod pipe;
mod proxy;
mod toxic;

pub use proxy::FaultProxy;
pub use toxic::{Direction, Toxic, Toxics};
