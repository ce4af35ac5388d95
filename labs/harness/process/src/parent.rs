//! A child of the launcher never outlives it, even if the launcher is killed.
//!
//! Two mechanisms, because each has a gap. The kernel's parent-death signal kills even a paused
//! child at once, but exists only on Linux. The pipe works everywhere: only the launcher holds
//! the child's standard input open, so it is closed when the launcher ends.

use anyhow::Context;
use std::io;

/// Ends this process as soon as the process with id `parent` has ended.
///
/// # Errors
/// When the kernel refuses, or the parent has ended already.
pub fn exit_with_parent(parent: i32) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .context("cannot ask the kernel to end this process with its parent")?;
    // The parent may have died before the line above.
    anyhow::ensure!(
        nix::unistd::getppid().as_raw() == parent,
        "the launcher (process {parent}) has ended"
    );
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(exit_at_end_of_input)
        .context("cannot watch the launcher")?;
    Ok(())
}

fn exit_at_end_of_input() {
    match io::copy(&mut io::stdin().lock(), &mut io::sink()) {
        Ok(_) => std::process::exit(0),
        // The launcher may still run. Its end is the kernel's signal then.
        Err(error) => tracing::warn!(%error, "cannot watch the launcher"),
    }
}
