//! The forty promises of `docs/security.md`, each as a test from outside: three replicas
//! behind the balancer, and somebody who means no good.
//!
//! The first line of each test names the promise it keeps. Everybody in these tests is
//! introduced in `people`.

mod admin;
mod bodies;
mod cookies;
mod credentials;
mod deeds;
mod endings;
mod errors;
mod events;
mod forge;
mod hashing;
mod jwt_claims;
mod jwt_forgery;
mod jwt_shapes;
mod lifetimes;
mod listening;
mod logs;
mod multipart;
mod names;
mod nonsense;
mod origins;
mod overheard;
mod ownership;
mod people;
mod quota;
mod ranges;
mod refresh;
mod revocation;
mod rls;
mod rotation;
mod sessions;
mod slow;
mod strangers;
mod throttling;
mod wire;
