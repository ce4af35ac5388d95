//! The bytes of the database of an exercise: checks search them for what a program has stored.

use anyhow::Context;
use grader::{CheckContext, CheckError, ServiceType, untrusted_file};
use std::io;
use std::path::Path;

/// Bytes that are read of each file.
const MAX_BYTES: u64 = 512 * 1024 * 1024;

/// The bytes of the SQLite file and of its write-ahead log.
pub(crate) struct DatabaseFile(Vec<u8>);

impl DatabaseFile {
    /// Reads the database of the exercise.
    pub(crate) fn read(ctx: &CheckContext) -> Result<Self, CheckError> {
        let file = ctx.service(ServiceType::Database)?.sqlite_file();
        let file = file.context("the database is not a file")?;
        Self::of(&file).map_err(|error| {
            CheckError::failed(
                "a database that stays a file in its place",
                error.to_string(),
                "The program has removed or replaced the file of the database.",
            )
        })
    }

    /// A program can put anything in the place of the file.
    fn of(file: &Path) -> io::Result<Self> {
        let mut bytes = untrusted_file::read(file, MAX_BYTES)?;
        // Recent writes are in the write-ahead log, which may not exist.
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        bytes
            .extend(untrusted_file::read(Path::new(&log), MAX_BYTES).unwrap_or_default());
        Ok(Self(bytes))
    }

    /// Whether the text is in it.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.0.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_in_the_database_file_or_its_wal() {
        let folder = std::env::temp_dir().join(format!("p1-03-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.sqlite");
        std::fs::write(&file, "some rows").unwrap();
        std::fs::write(folder.join("a.sqlite-wal"), "later rows").unwrap();
        let found = |text| DatabaseFile::of(&file).unwrap().contains(text);
        assert!(found("some") && found("later") && !found("never"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
