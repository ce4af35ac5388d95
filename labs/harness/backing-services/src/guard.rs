//! A guard process that waits for the end of this process and then cleans up.
//!
//! A killed process cannot stop its children. The kernel's signal (`setpriv --pdeathsig`) does
//! not reach the children of a child, a stopped child, a container or a folder. The guard
//! reads from a pipe that only this process holds open. The pipe closes when this process ends
//! in any way, and when the guard is dropped.

use anyhow::Context;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends every process with the marker of the service as descriptor 9, and removes the folder.
/// Servers start helpers in their own sessions, and they share nothing but this descriptor. A
/// shell that only works in the folder has no such descriptor.
const CLEAN_UP_DATA_DIR: &str = r#"
trap '' HUP INT QUIT TERM
dir=$1 marker=$2 signal=$3
cat >/dev/null
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
# A killed Postgres leaves a shared memory segment; line 7 of this file has its id.
if [ -f "$dir/data/postmaster.pid" ]; then
    set -- $(sed -n 7p "$dir/data/postmaster.pid")
    ipcrm -m "$2"
fi
rm -rf "$dir"
"#;

/// Removes a container. If this process was killed, it removes the container several times,
/// because an interrupted start may create it later. Text in the pipe means an orderly end.
const CLEAN_UP_CONTAINER: &str = r#"
trap '' HUP INT QUIT TERM
orderly=$(cat)
docker rm --force --volumes "$1"
[ -n "$orderly" ] && exit
for pause in 1 2 4; do sleep $pause; docker rm --force --volumes "$1"; done
"#;

/// Cleans up when it is dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Child,
}

impl Guard {
    /// Ends every process that has inherited `marker`, with `signal` first, and removes `dir`.
    pub(crate) fn of_data_dir(
        dir: &Path,
        marker: &Path,
        signal: &str,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", CLEAN_UP_DATA_DIR, "guard"]);
        command.arg(dir).arg(marker).arg(signal);
        Self::start(command)
    }

    /// Removes a container and its volumes.
    pub(crate) fn of_container(name: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", CLEAN_UP_CONTAINER, "guard", name]);
        Self::start(command)
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        let process = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C must not reach the guard: it ends last.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self { process })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.process.stdin.take() {
            let _guard_killed = pipe.write_all(b"orderly\n");
        }
        let _cleaned_up = self.process.wait();
    }
}
