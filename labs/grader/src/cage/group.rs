//! A control group of the kernel (Linux), where this user may make one. It holds a program
//! that forks without end at the moment it forks, where the cage alone would notice later.

use super::{Bars, THREADS};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// The group of one cage. Dropped, it is removed.
pub(super) struct Group {
    folder: PathBuf,
}

impl Group {
    /// A new group, or nothing where this user may not make one.
    pub(super) fn make(bars: Bars) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parent = own.lines().find_map(parent_folder)?;
        remove_old(&parent);
        let folder = parent.join(format!("stateless-lab-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self { folder };
        let tasks = bars.processes * THREADS;
        fs::write(group.folder.join("pids.max"), tasks.to_string()).ok()?;
        // Another hierarchy may have the memory: then the cage alone looks after it.
        let _elsewhere =
            fs::write(group.folder.join("memory.max"), bars.memory.to_string());
        Some(group)
    }

    /// The command that joins the group and then becomes `args`.
    pub(super) fn joining(&self, args: &[OsString]) -> Vec<OsString> {
        let join = "echo $$ > \"$0\" && exec \"$@\"";
        let mut joining: Vec<OsString> = ["sh", "-c", join].map(OsString::from).to_vec();
        joining.push(self.folder.join("cgroup.procs").into());
        joining.extend_from_slice(args);
        joining
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _not_empty_yet = fs::remove_dir(&self.folder);
    }
}

/// Where groups below our own lie, from a line such as `8:pids:/path` or `0::/path`.
fn parent_folder(line: &str) -> Option<PathBuf> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let root = match controllers {
        "" => PathBuf::from(ROOT),
        "pids" => Path::new(ROOT).join("pids"),
        _ => return None,
    };
    let folder = root.join(path.trim_start_matches('/'));
    // In the unified hierarchy, children have the limit only if our group hands it down.
    let handed_down = fs::read_to_string(folder.join("cgroup.subtree_control"));
    let counts = match handed_down {
        Ok(controllers) => controllers.split_whitespace().any(|name| name == "pids"),
        Err(_) => controllers == "pids",
    };
    counts.then_some(folder)
}

/// A cage that was killed could not remove its group. An empty one can go.
fn remove_old(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("stateless-lab-"));
        let gone = owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if gone {
            let _not_empty_yet = fs::remove_dir(entry.path());
        }
    }
}
