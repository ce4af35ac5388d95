//! A control group of the Linux kernel, if this user may create one. It limits a fork
//! bomb at the moment of the fork; the sandbox alone would detect it up to one interval
//! later.

use super::restrictions::Restrictions;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// The control group of one sandbox. It is removed on drop.
pub(super) struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Creates a group; `None` if this user may not create one.
    pub(super) fn create(restrictions: Restrictions) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let parent = own.lines().find_map(parent_folder)?;
        remove_orphan_containers(&parent);
        let folder = parent.join(format!("stateless-lab-{}", std::process::id()));
        fs::create_dir(&folder).ok()?;
        let group = Self { folder };
        let tasks = restrictions.threads().to_string();
        fs::write(group.folder.join("pids.max"), tasks).ok()?;
        // Another hierarchy may manage memory. Then only the sandbox limits it.
        let _elsewhere =
            fs::write(group.folder.join("memory.max"), restrictions.memory.to_string());
        Some(group)
    }

    /// A command that joins the group and then executes `args`.
    pub(super) fn command_in_group(&self, args: &[OsString]) -> Vec<OsString> {
        let join = "echo $$ > \"$0\" && exec \"$@\"";
        let mut command_in_group: Vec<OsString> =
            ["sh", "-c", join].map(OsString::from).to_vec();
        command_in_group.push(self.folder.join("cgroup.procs").into());
        command_in_group.extend_from_slice(args);
        command_in_group
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _not_empty_yet = fs::remove_dir(&self.folder);
    }
}

/// The folder of child groups, from a line such as `8:pids:/path` or `0::/path`.
fn parent_folder(line: &str) -> Option<PathBuf> {
    let mut parts = line.splitn(3, ':');
    let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let root = match controllers {
        "" => PathBuf::from(ROOT),
        "pids" => Path::new(ROOT).join("pids"),
        _ => return None,
    };
    let folder = root.join(path.trim_start_matches('/'));
    // In the unified hierarchy, children have the limit only if our group delegates it.
    let handed_down = fs::read_to_string(folder.join("cgroup.subtree_control"));
    let counts = match handed_down {
        Ok(controllers) => controllers.split_whitespace().any(|name| name == "pids"),
        Err(_) => controllers == "pids",
    };
    counts.then_some(folder)
}

/// Removes empty groups of sandboxes that were killed.
fn remove_orphan_containers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("stateless-lab-"));
        let gone = owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists());
        if gone {
            let _not_empty_yet = fs::remove_dir(entry.path());
        }
    }
}
