//! The rules that all designs share: accounts, file names, and a file store that never loses an
//! acknowledged file.
//!
//! Both servers of Phase 1 use this crate, so that they differ only in sessions and tokens.
//! Read `file_store` first, then `incoming`: together they guarantee every 201.

pub mod accounts;
pub mod display_name;
pub mod file_id;
pub mod file_store;
pub mod hex;
pub mod idempotency;
pub mod incoming;
mod janitor;
pub mod passwords;
pub mod published;
pub mod receive_error;
mod sync;
pub mod username;
pub mod users_file;
