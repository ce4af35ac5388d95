//! The backends that one request has been tried on.

use crate::backends::Backend;
use std::sync::Arc;

/// Whether this request has been tried on `backend`.
pub(super) fn is_tried(backend: &Arc<Backend>, tried: &[&Arc<Backend>]) -> bool {
    tried.iter().any(|one| Arc::ptr_eq(one, backend))
}
