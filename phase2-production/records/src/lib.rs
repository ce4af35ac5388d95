//! The relational truth: Postgres, or SQLite on one machine.
//!
//! What stands here was acknowledged, and what was revoked here is dead. Everything else
//! (Redis, a replica's memory) is a copy that may be lost.
//!
//! Every statement runs inside [`Records::run`], or [`Records::look`] where nothing is to
//! change: one transaction, in a task that a client's disconnect cannot cancel, that sees
//! only what its [`Scope`] lets it see. Inside it, callers compose the functions of the
//! modules below; what they did is committed together, with the audit row that describes
//! it.
//!
//! Reading order: `records`, `transaction` and `scope`, `pool` (limits), `migrate` and
//! `app_role` (who owns the tables, and who does not), then one module per table group,
//! each beside its file in `migrations`.
//!
//! Bearer secrets are never stored, only their SHA-256 in lower-case hexadecimal: the
//! *proof*. Times are milliseconds since 1970 and come from the caller.

mod app_role;
pub mod audit;
mod backend;
pub mod ends;
mod error;
pub mod files;
pub mod idempotency;
mod ids;
mod migrate;
mod pool;
mod pool_metrics;
pub mod quota;
mod records;
pub mod refresh;
pub mod revoked;
mod row;
mod scope;
pub mod sessions;
pub mod signing_keys;
mod transaction;
pub mod uploads;
pub mod users;

pub use error::{OpenError, RecordsError};
pub use futures_util::future::BoxFuture;
pub use ids::{Member, NotAnId, OrgId, Role};
pub use migrate::Migrated;
pub use pool::{LONGEST_TRANSACTION, PoolLimits};
pub use records::Records;
pub use scope::Scope;
pub use sqlx::AnyConnection;
