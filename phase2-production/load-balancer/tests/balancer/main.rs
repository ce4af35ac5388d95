//! The balancer from outside, over real sockets, with replicas inside the tests.
//!
//! `fixture` starts a balancer, `replica` a correct server, `scripted` a faulty one, and
//! `wire` sends raw HTTP that a client library would refuse. Each other file is a topic.
//!
//! The tests that `either!` lists also run on HAProxy with the configuration in
//! `deployment/`; `any_balancer` is a balancer of either kind.

#![expect(clippy::unwrap_used, reason = "the fixture is part of the tests")]

#[macro_use]
mod any_balancer;
mod fixture;
mod haproxy;
mod replica;
mod scripted;
mod wire;

mod admin;
mod clients;
mod dns;
mod draining;
mod framing;
mod health;
mod identity;
mod memory;
mod metrics;
mod retries;
mod selection;
mod streaming;
mod tls;
mod tunnels;
