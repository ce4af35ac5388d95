//! The forty promises of `docs/security.md`, each as a black-box test: three replicas
//! behind the balancer, and an attacker.
//!
//! "Item 31" in a comment means item 31 of docs/security.md: the promise that the test
//! checks. `test_app` describes the accounts.

mod admin;
mod audited_actions;
mod bodies;
mod captured_logs;
mod cookies;
mod credentials;
mod errors;
mod events;
mod forge;
mod fuzz_requests;
mod hashing;
mod information_leaks;
mod jwt_claims;
mod jwt_forgery;
mod jwt_shapes;
mod lifetimes;
mod listening;
mod logout;
mod logs;
mod multipart;
mod names;
mod origins;
mod ownership;
mod quota;
mod ranges;
pub(crate) mod raw_connection;
mod refresh;
mod revocation;
mod rls;
mod rotation;
mod sessions;
mod slow;
mod test_app;
mod throttling;
mod upload_authority;
mod upload_claims;
