//! The checker's verdict on servers that are known to be right or wrong.

mod descriptions;
mod golden;
mod judgement;
mod lab_servers;
mod own_service;
mod replicas;
mod servers;
