//! The largest file that this process may write (`ulimit -f`, setrlimit(2)). It holds for the
//! log of SQLite, too, which is written to the database only after a number of pages.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Bytes of a page in the log, with its header.
const PAGE: u64 = 4096 + 24;

/// SQLite's own number of pages.
const DEFAULT_PAGES: u64 = 1_000;

/// The limit in bytes; `None` without one.
pub(crate) fn limit() -> Option<u64> {
    let (soft, _hard) = getrlimit(Resource::RLIMIT_FSIZE).ok()?;
    (soft != RLIM_INFINITY).then_some(soft)
}

/// Pages after which SQLite writes its log to the database: at most a quarter of the limit.
/// At the limit no statement could commit any more, and without a commit the log stays full.
pub(crate) fn checkpoint_pages(limit: Option<u64>) -> u64 {
    let fitting = limit.map_or(DEFAULT_PAGES, |bytes| bytes / 4 / PAGE);
    fitting.clamp(1, DEFAULT_PAGES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_is_written_before_it_reaches_the_limit() {
        assert_eq!(checkpoint_pages(None), DEFAULT_PAGES);
        assert_eq!(checkpoint_pages(Some(1 << 40)), DEFAULT_PAGES);
        assert_eq!(checkpoint_pages(Some(1024 * 1024)), 63);
        assert_eq!(checkpoint_pages(Some(0)), 1);
    }
}
