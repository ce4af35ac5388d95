//! The files of a run, which all have its kind and its date in their names.

use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// The name of a run's files, without their extensions: `KIND-DATE`, from a date in the form
/// of RFC 3339.
#[must_use]
pub fn dated_name(kind: &str, date: &str) -> String {
    // 2026-11-21T10:00:00Z becomes 2026-11-21T100000Z: some systems forbid colons.
    format!("{kind}-{}", date.replace(':', ""))
}

/// Writes files into a folder, which is created. A run of the same second is overwritten.
///
/// # Errors
/// When the folder cannot be written.
pub fn write<const N: usize>(
    folder: &Path,
    files: [(String, String); N],
) -> anyhow::Result<[PathBuf; N]> {
    let cannot = || format!("cannot write to {}", folder.display());
    fs::create_dir_all(folder).with_context(cannot)?;
    for (name, content) in &files {
        outcome::file::replace(&folder.join(name), content).with_context(cannot)?;
    }
    Ok(files.map(|(name, _)| folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_kind_and_date_in_their_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = dated_name("comparison", "2026-11-21T10:00:00Z");
        let inner = folder.path().join("new");
        let [path] = write(&inner, [(format!("{name}.md"), "# A run\n".to_owned())])
            .expect("it is written");
        assert_eq!(path, inner.join("comparison-2026-11-21T100000Z.md"));
        assert_eq!(fs::read_to_string(path).expect("it is read"), "# A run\n");
    }
}
