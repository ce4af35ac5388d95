//! Three replicas on one Redis and one database, for each database on this machine.

mod cluster;
mod lifecycle;
mod logout;
mod outages;
