//! Several replicas on one database, and what they promise each other about tokens.

mod hearing;
mod refreshing;
mod revoking;
mod rig;
mod rotating;
