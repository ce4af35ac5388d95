//! The promises behind every 201, and behind every login.

mod accounts;
mod file_store;
