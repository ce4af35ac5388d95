//! Removes secrets from the command line of a running process.
//!
//! Every user can read command lines. Two small servers take a secret from nowhere else; they
//! have copied it when they listen. The arguments are in the memory of the process, which
//! its parent and the process itself may write (ptrace(2), "Ptrace access mode checking").

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// The fields `arg_start` and `arg_end` of /proc/PID/stat (proc(5), fields 48 and 49), counted
/// from the state of the process, which is field 3.
const ARGUMENTS: [usize; 2] = [45, 46];

/// Overwrites each secret in the arguments of this process. [`std::env::args`] then returns
/// the overwritten text.
///
/// # Errors
/// When the kernel does not permit it.
pub fn hide_in_own_command_line(secrets: &[String]) -> io::Result<()> {
    overwrite(nix::unistd::getpid().as_raw(), secrets)
}

/// Overwrites each secret in the arguments of a process.
///
/// # Errors
/// When the kernel does not permit it, or the process has ended.
pub(crate) fn overwrite(pid: i32, secrets: &[String]) -> io::Result<()> {
    if secrets.is_empty() {
        return Ok(());
    }
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let Some([start, end]) = arguments(&stat) else {
        return Err(io::Error::other("the arguments are not shown"));
    };
    let memory =
        File::options().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
    let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
    memory.read_exact_at(&mut bytes, start)?;
    for secret in secrets {
        for at in positions(&bytes, secret.as_bytes()) {
            let at = start + u64::try_from(at).unwrap_or_default();
            memory.write_all_at(&vec![b'x'; secret.len()], at)?;
        }
    }
    Ok(())
}

fn arguments(stat: &str) -> Option<[u64; 2]> {
    // The name in parentheses may contain spaces.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let [start, end] = ARGUMENTS.map(|at| fields.get(at).and_then(|it| it.parse().ok()));
    let range: [u64; 2] = [start?, end?];
    (range[0] < range[1]).then_some(range)
}

fn positions(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len().max(1)).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn own_arguments_can_be_overwritten() {
        let absent = "no argument of this program has this text".to_owned();
        hide_in_own_command_line(&[absent]).unwrap();
    }

    #[test]
    fn secrets_are_overwritten_in_a_running_process() {
        let secret = "0123456789abcdef".to_owned();
        let key = format!("--key={secret}");
        let mut shell = Command::new("sh")
            .args(["-c", "read -r line", "sh", &secret, &key])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = shell.id().cast_signed();
        let line = || fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        while !line().contains(&secret) {
            std::thread::yield_now();
        }
        overwrite(pid, std::slice::from_ref(&secret)).unwrap();
        let after = line();
        assert!(!after.contains(&secret), "{after}");
        assert!(after.contains("--key=xxxxxxxxxxxxxxxx\0"), "{after}");
        shell.kill().unwrap();
        shell.wait().unwrap();
    }
}
