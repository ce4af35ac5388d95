//! A process that waits for the end of this one and then tidies up.
//!
//! A killed process cannot stop what it has started, and the kernel's help (`setpriv
//! --pdeathsig`) does not reach the children of a child, a child that is stopped, a
//! container, or a folder. The guard reads from a pipe that only this process holds open;
//! its end is the end of this process, however that came about. The orderly way is the
//! same way: the pipe is closed.

use anyhow::Context;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Every process that works in the service's own folder belongs to it: servers start
/// helpers, each in a session of its own, and only the folder holds them together.
const END_OF_A_HOME: &str = r#"
trap '' HUP INT QUIT TERM
home=$1 signal=$2
cat >/dev/null
family() {
    # One ls for all: a readlink for each process would be hundreds of forks a look.
    ls -ld /proc/[0-9]*/cwd 2>/dev/null | while read -r line; do
        case "$line" in
            *"/cwd -> $home" | *"/cwd -> $home/"* | *"/cwd -> $home (deleted)")
                line=${line%%/cwd -> *}
                echo "${line##*/proc/}"
                ;;
        esac
    done
}
tries=0
while ids=$(family); [ -n "$ids" ]; do
    [ "$tries" -lt 40 ] || signal=KILL
    kill "-$signal" $ids
    kill -CONT $ids
    tries=$((tries + 1))
    sleep 0.05
done
# A Postgres that was killed has left a piece of shared memory; its file names it.
if [ -f "$home/data/postmaster.pid" ]; then
    set -- $(sed -n 7p "$home/data/postmaster.pid")
    ipcrm -m "$2"
fi
rm -rf "$home"
"#;

/// A container whose start was interrupted may appear a moment later: hence again, unless
/// something was said, which only the orderly way does.
const END_OF_A_CONTAINER: &str = r#"
trap '' HUP INT QUIT TERM
orderly=$(cat)
docker rm --force --volumes "$1"
[ -n "$orderly" ] && exit
for pause in 1 2 4; do sleep $pause; docker rm --force --volumes "$1"; done
"#;

/// Tidies up when it is dropped, and when this process ends.
#[derive(Debug)]
pub(crate) struct Guard {
    process: Child,
}

impl Guard {
    /// Ends every process that works in `home`, with `signal` first, and removes it.
    pub(crate) fn of_home(home: &Path, signal: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", END_OF_A_HOME, "guard"]).arg(home).arg(signal);
        Self::start(command)
    }

    /// Removes a container and its volumes.
    pub(crate) fn of_container(name: &str) -> anyhow::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", END_OF_A_CONTAINER, "guard", name]);
        Self::start(command)
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        let process = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C reaches every process of a terminal's group; this one comes last.
            .process_group(0)
            .spawn()
            .context("cannot start sh")?;
        Ok(Self { process })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.process.stdin.take() {
            let _gone = pipe.write_all(b"orderly\n");
        }
        let _tidied_up = self.process.wait();
    }
}
