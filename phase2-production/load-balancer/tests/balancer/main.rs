//! The balancer from outside, over real sockets, with replicas inside the tests.
//!
//! `fixture` starts a balancer in this process and `program` one of its own, `replica` a
//! correct server, `scripted` a faulty one, and `wire` sends raw HTTP that a client library
//! would refuse. Each other file is a topic.
//!
//! The tests that `either!` lists also run on HAProxy with the configuration in
//! `deployment/`; `any_balancer` is a balancer of either kind.

#![expect(clippy::unwrap_used, reason = "the fixture is part of the tests")]

#[macro_use]
mod any_balancer;
mod fixture;
mod haproxy;
mod program;
mod replica;
mod scripted;
mod wire;

mod admin;
mod attacks;
mod clients;
mod dns;
mod draining;
mod early_replies;
mod exhaustion;
mod framing;
mod handover;
mod heads;
mod health;
mod identity;
mod memory;
mod metrics;
mod own_replies;
mod reply_framing;
mod request_framing;
mod retries;
mod selection;
mod stalls;
mod stopping;
mod streaming;
mod tls;
mod tunnels;
