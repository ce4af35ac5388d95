//! Open descriptors: their limit in this process, and the errors that say that this process
//! or machine has run out of them, of ports or of memory.

use crate::causes::causes;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::error::Error;
use std::io;

/// The errors that this process or this machine causes, not the other end.
const LOCAL: [Errno; 11] = [
    // No descriptor for this process, or for any process.
    Errno::EMFILE,
    Errno::ENFILE,
    // No free port, or no such address on this machine.
    Errno::EADDRNOTAVAIL,
    Errno::EADDRINUSE,
    // No memory.
    Errno::ENOBUFS,
    Errno::ENOMEM,
    Errno::EAGAIN,
    // Forbidden by this machine's own rules.
    Errno::EACCES,
    Errno::EPERM,
    // This machine's network is down.
    Errno::ENETDOWN,
    Errno::EINTR,
];

/// Raises the soft limit of open descriptors to the hard limit, and returns the limit that
/// holds then. Programs start with a soft limit of 1024 on most systems, because old ones
/// use `select`; this one does not.
pub fn raise_descriptor_limit() -> u64 {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "cannot raise the limit of open descriptors");
    }
    descriptor_limit()
}

/// The soft limit of open descriptors.
#[must_use]
pub fn descriptor_limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft)
}

/// Whether an error of `connect`, `accept` or `open` has its cause in this process or
/// machine. Such an error says nothing about a peer or a disk: it must not become a verdict
/// on one. The causes of the error count, too, because libraries wrap system errors.
#[must_use]
pub fn is_local_failure(error: &(dyn Error + 'static)) -> bool {
    let is_local = |error: &io::Error| match (error.raw_os_error(), error.get_ref()) {
        (Some(code), _) => LOCAL.contains(&Errno::from_raw(code)),
        (None, Some(wrapped)) => is_local_failure(wrapped),
        (None, None) => false,
    };
    causes(error).filter_map(|cause| cause.downcast_ref()).any(is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_this_machine_are_local() {
        for code in LOCAL {
            assert!(
                is_local_failure(&io::Error::from_raw_os_error(code as i32)),
                "{code}"
            );
        }
        for code in [
            Errno::ECONNREFUSED,
            Errno::ECONNRESET,
            Errno::EHOSTUNREACH,
            Errno::ENETUNREACH,
            Errno::ETIMEDOUT,
            Errno::EPIPE,
        ] {
            let error = io::Error::from_raw_os_error(code as i32);
            assert!(!is_local_failure(&error), "{code}");
        }
        assert!(!is_local_failure(&io::Error::from(io::ErrorKind::TimedOut)));
    }

    #[test]
    fn wrapped_error_of_this_machine_is_local() {
        let exhausted = || io::Error::from(Errno::EMFILE);
        assert!(is_local_failure(&io::Error::other(exhausted())));
        assert!(is_local_failure(&io::Error::other(io::Error::other(exhausted()))));
        let refused = io::Error::other(io::Error::from(Errno::ECONNREFUSED));
        assert!(!is_local_failure(&refused));
    }

    #[test]
    fn raised_limit_is_hard_limit() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(raise_descriptor_limit(), hard);
    }
}
