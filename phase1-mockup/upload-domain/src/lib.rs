//! Rules that no design changes: who has an account, what a file may be called, how a
//! file reaches the disk so that an acknowledged one is never lost.
//!
//! Both servers use all of it, because none of it is the lesson. Read `file_store`
//! first, then `incoming`: together they are the promise behind every 201.

pub mod accounts;
pub mod display_name;
pub mod file_id;
pub mod file_store;
pub mod hex;
pub mod idempotency;
pub mod incoming;
mod janitor;
pub mod passwords;
pub mod receive_error;
mod sync;
pub mod username;
pub mod users_file;
