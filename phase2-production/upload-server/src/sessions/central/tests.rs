//! Three replicas over one Redis and one truth, on each database that this machine has.

mod ends;
mod life;
mod outages;
mod world;
