//! What the checker says of servers that are known to be right, and known to be wrong.

mod descriptions;
mod golden;
mod judgement;
mod lab_servers;
mod own_service;
mod replicas;
mod servers;
