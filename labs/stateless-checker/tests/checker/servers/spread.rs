//! Not in a store: sessions are in the memory of all replicas, which send each other changes.

use super::{Database, stateless};
use axum::Router;

pub(crate) fn app(database: Database) -> Router {
    stateless::with_sessions_in(database.spread_among_replicas(), database)
}
