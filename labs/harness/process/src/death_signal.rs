//! Programs that do not watch their parent, such as a database. They end with this process,
//! too: setpriv(1) asks the kernel for the parent-death signal, as [`crate::parent`] does for
//! the programs that run a role.

use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid};
use std::path::Path;
use std::process::Command;

/// Replaces the shell by the program, unless the parent has died before the kernel was told to
/// watch it.
const EXEC_UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

/// An unprivileged user to run as.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user.
    pub uid: Uid,
    /// Its primary group.
    pub gid: Gid,
}

/// A command for a program that gets `on_parent_exit` from the kernel when this process ends.
/// Without an account it runs as the user of this process.
#[must_use]
pub fn command_with_death_signal(
    program: &Path,
    account: Option<&Account>,
    on_parent_exit: Signal,
) -> Command {
    command(EXEC_UNLESS_ORPHANED, program, account, on_parent_exit)
}

/// The same with another script, whose arguments are the id of this process and the program.
pub(crate) fn command(
    script: &str,
    program: &Path,
    account: Option<&Account>,
    on_parent_exit: Signal,
) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(Account { uid, gid }) = account {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}"));
        command.arg("--init-groups");
    }
    let signal = on_parent_exit.as_str().trim_start_matches("SIG");
    command.arg(format!("--pdeathsig={signal}")).arg("--");
    command.args(["sh", "-c", script, "sh"]);
    command.arg(std::process::id().to_string()).arg(program);
    command
}
