//! A program of ours that runs in several roles, each as a process of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// Environment variables that a child does not inherit. They contain passwords, and the
/// database owner's URL is for the parent only.
pub const SERVICE_URLS: [&str; 4] =
    ["DATABASE_OWNER_URL", "DATABASE_URL", "REDIS_URL", "FILES_URL"];

/// A program, and its arguments before the name of a role.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// The arguments before the role, such as `serve`.
    pub prefix: Vec<OsString>,
}

impl Program {
    /// A command that ends with this process. The program passes the value of `--parent` to
    /// [`crate::parent::exit_with_parent`], and its standard input must be piped.
    #[must_use]
    pub fn child_command(&self) -> Command {
        let mut command = Command::new(&self.path);
        for name in SERVICE_URLS {
            command.env_remove(name);
        }
        command.args(&self.prefix);
        command.arg("--parent").arg(std::process::id().to_string());
        command.stdin(std::process::Stdio::piped());
        command
    }
}
