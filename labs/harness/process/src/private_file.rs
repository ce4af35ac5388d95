//! Files that only this user can read: they contain secrets.

use anyhow::Context;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Creates a file with mode 0600.
///
/// # Errors
/// When it exists already or cannot be created.
pub fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Creates a file with mode 0600 and this content.
///
/// # Errors
/// When it exists already or cannot be written.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let written = create(path).and_then(|mut file| file.write_all(content));
    written.with_context(|| format!("cannot write {}", path.display()))
}
