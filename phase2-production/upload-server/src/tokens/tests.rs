//! Tokens on several replicas over one database.

mod cluster;
mod refreshing;
mod revocation_feed;
mod revoking;
mod rotating;
