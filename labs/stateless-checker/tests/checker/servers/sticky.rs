//! Wrong: sessions are in the memory of the replica that created them.

use super::{Database, Memory, stateless};
use axum::Router;

pub(crate) fn app(database: Database) -> Router {
    stateless::with_sessions_in(Memory::default(), database)
}
