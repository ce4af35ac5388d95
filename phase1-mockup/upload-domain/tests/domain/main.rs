//! Tests of the file store and the accounts.

mod accounts;
mod file_store;
