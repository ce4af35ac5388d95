//! The database of the servers: Postgres, or SQLite on one machine.
//!
//! It is the primary store: every acknowledged write is in it, and every revocation
//! recorded here is final. Redis and the memory of a replica hold copies that may be
//! lost.
//!
//! Every statement runs inside [`Records::run`], or [`Records::read`] if it only reads:
//! one transaction, in a task that a client's disconnect cannot cancel, limited to the
//! rows that its [`Scope`] covers. Callers compose the functions of the modules below
//! inside the transaction, together with the audit row that describes the change; all of
//! it commits together.
//!
//! Reading order: `records`, `transaction` and `scope`, `pool` (limits), `migrate` and
//! `app_role` (the tables' owner and the servers' role), then one module per table group.
//! Each module belongs to a file in `migrations`.
//!
//! A session id or refresh token is never stored, only its SHA-256 in lower-case
//! hexadecimal (`session_id_hash`, `token_hash`). Times are milliseconds since 1970. Expired
//! rows are removed by the database's [`clock`], so the times that decide it come from there.

mod app_role;
pub mod audit;
pub mod authority;
mod backend;
pub mod clock;
pub mod deployment;
mod error;
mod file_size;
pub mod files;
pub mod idempotency;
mod ids;
mod migrate;
mod pool;
mod pool_metrics;
pub mod quota;
mod records;
pub mod refresh;
pub mod revocations;
pub mod revoked;
mod row;
mod scope;
pub mod sessions;
pub mod signing_keys;
mod transaction;
pub mod uploads;
pub mod users;

pub use backend::sqlite_file;
pub use error::{OpenError, RecordsError};
pub use futures_util::future::BoxFuture;
pub use ids::{Member, NotAnId, OrgId, Role};
pub use migrate::Migrated;
pub use pool::{MAX_TRANSACTION_DURATION, PoolLimits};
pub use records::Records;
pub use scope::Scope;
pub use sqlx::AnyConnection;
