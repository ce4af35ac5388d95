//! The user that Postgres runs as.

use nix::unistd::User;
use process::Account;

/// The user for Postgres, which refuses root; [`None`] when this process is unprivileged.
pub(crate) fn for_postgres() -> anyhow::Result<Option<Account>> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(User { uid, gid, .. }) = User::from_name(name)? {
            return Ok(Some(Account { uid, gid }));
        }
    }
    anyhow::bail!(
        "Postgres does not run as root, and this system has neither a user \
         postgres nor nobody: use another user or --backing embedded"
    )
}
