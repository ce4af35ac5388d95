//! A child of the launcher never outlives it, however the launcher ends.
//!
//! Two ropes, because each has a gap. The kernel's (Linux) kills even a stopped child at
//! once, but knows nothing of other systems. The pipe works everywhere: standard input
//! is held open by the launcher alone, and ends when the launcher does.

use anyhow::Context;
use std::io::Read;

/// Ends this process as soon as the one with id `parent` is gone.
///
/// # Errors
/// When the kernel refuses, or the parent is gone already.
pub fn die_with(parent: i32) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .context("cannot ask the kernel to end this process with its parent")?;
    // The parent may have died before the line above.
    anyhow::ensure!(
        nix::unistd::getppid().as_raw() == parent,
        "the launcher (process {parent}) is gone"
    );
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(wait_for_the_end_of_input)
        .context("cannot watch the launcher")?;
    Ok(())
}

fn wait_for_the_end_of_input() {
    let mut input = std::io::stdin().lock();
    let mut buffer = [0_u8; 64];
    while input.read(&mut buffer).is_ok_and(|read| read > 0) {}
    std::process::exit(0);
}
