//! A reaper: a process that waits for the end of this process and then cleans up.
//!
//! A process that is killed with SIGKILL cannot clean up. Its children end
//! ([`crate::parent`]), but not the children of a child, a stopped child of another user, a
//! container or a folder. The reaper reads from a pipe that only this process holds open. The
//! pipe closes when this process ends in any way, and when the reaper is dropped.

use anyhow::Context;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Waits for the end of standard input. Text in the pipe means an orderly end.
const WAIT: &str = "trap '' HUP INT QUIT TERM
orderly=$(cat)
";

/// Runs its script when it is dropped, and when this process ends.
#[derive(Debug)]
pub struct Reaper {
    shell: Child,
}

impl Reaper {
    /// Starts a shell that runs `script` at the end. Its arguments are `$1` and so on;
    /// `$orderly` is empty if this process was killed.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn start<Argument: AsRef<OsStr>>(
        script: &str,
        arguments: impl IntoIterator<Item = Argument>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("/bin/sh");
        let shell = command
            .args(["-c", &format!("{WAIT}{script}"), "reaper"])
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches the whole process group of the terminal. The reaper must outlive
            // it, also one that comes before the reaper's first instruction.
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        Ok(Self { shell })
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            let _reaper_killed = pipe.write_all(b"orderly\n");
        }
        let _cleaned_up = self.shell.wait();
    }
}
