//! The marker of a server: an open file by which all its processes are recognised.
//!
//! Servers overwrite their environment with their titles, and their helpers leave the session
//! and lose their parent, but no server closes a descriptor that it does not know.

use crate::death_signal::{self, Account};
use crate::private_file;
use crate::reaper::Reaper;
use anyhow::Context;
use nix::sys::signal::Signal;
use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The descriptor with the marker, which all descendants of a server inherit.
const MARKER_FD: u32 = 9;

/// Replaces the shell by the program, as [`death_signal::command_with_death_signal`] does.
/// Standard input is the marker and becomes [`MARKER_FD`].
const EXEC_WITH_MARKER: &str =
    r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@" 9<&0 0</dev/null"#;

/// The script of a reaper that ends every process with the marker `$1` as descriptor 9, with
/// the signal `$2` first. A shell that only works in the folder has no such descriptor.
const END_MARKED: &str = r#"
marker=$1 signal=$2
processes() {
    # One ls for all: a readlink for each process would fork hundreds of times.
    ls -ld /proc/[0-9]*/fd/9 2>/dev/null | while read -r line; do
        case "$line" in
            *"/fd/9 -> $marker" | *"/fd/9 -> $marker (deleted)")
                line=${line%%/fd/9 -> *}
                echo "${line##*/proc/}"
                ;;
        esac
    done
}
tries=0
while ids=$(processes); [ -n "$ids" ]; do
    [ "$tries" -lt 40 ] || signal=KILL
    kill "-$signal" $ids
    kill -CONT $ids
    tries=$((tries + 1))
    sleep 0.05
done
"#;

/// An empty file with a random name.
#[derive(Debug)]
pub struct Marker {
    path: PathBuf,
}

impl Marker {
    /// The path of a new marker in `folder`, which [`Marker::write`] creates.
    #[must_use]
    pub fn new_in(folder: &Path) -> Self {
        let name = format!("marker-{}", uuid::Uuid::new_v4().simple());
        Self { path: folder.join(name) }
    }

    /// Creates the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        private_file::write(&self.path, b"")
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command for a program that has the marker, and gets `on_parent_exit` from the kernel
    /// when this process ends.
    ///
    /// # Errors
    /// When the file was removed.
    pub fn command(
        &self,
        program: &Path,
        account: Option<&Account>,
        on_parent_exit: Signal,
    ) -> anyhow::Result<Command> {
        // The folder of a running server may have been removed.
        let file = File::open(&self.path);
        let file =
            file.with_context(|| format!("cannot open {}", self.path.display()))?;
        let mut command =
            death_signal::command(EXEC_WITH_MARKER, program, account, on_parent_exit);
        command.stdin(file);
        Ok(command)
    }

    /// Starts a reaper that ends every process of the server, with `signal` first, and then
    /// runs `script` with the argument `$3`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn reaper(
        &self,
        signal: Signal,
        script: &str,
        argument: &Path,
    ) -> anyhow::Result<Reaper> {
        let signal = signal.as_str().trim_start_matches("SIG");
        let arguments = [self.path.as_os_str(), signal.as_ref(), argument.as_os_str()];
        Reaper::start(&format!("{END_MARKED}{script}"), arguments)
    }

    /// The processes of the server: its main process and its helpers. An incomplete list is an
    /// error: a caller would take it for the end of a helper.
    ///
    /// # Errors
    /// When the processes of this machine cannot be listed.
    pub fn processes(&self) -> anyhow::Result<Vec<i32>> {
        let all: io::Result<_> = fs::read_dir("/proc").and_then(Iterator::collect);
        Ok(self.marked(all.context("cannot list the processes in /proc")?))
    }

    /// The ids of those processes, given by their folders in /proc, that have the marker.
    fn marked(&self, processes: Vec<DirEntry>) -> Vec<i32> {
        let processes = processes.into_iter();
        processes
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .filter(|pid: &i32| {
                fs::read_link(format!("/proc/{pid}/fd/{MARKER_FD}"))
                    .is_ok_and(|link| without_deleted(&link) == self.path)
            })
            .collect()
    }
}

/// The kernel appends " (deleted)" to the path of a removed file.
fn without_deleted(path: &Path) -> &Path {
    let name = path.as_os_str().as_bytes();
    let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
    Path::new(OsStr::from_bytes(name))
}
