//! The bytes of the database of an exercise: checks search them for what a program has stored.

use anyhow::Context;
use grader::{CheckContext, CheckError, ServiceType};
use std::path::Path;

/// The bytes of the SQLite file and of its write-ahead log.
pub(crate) struct DatabaseFile(Vec<u8>);

impl DatabaseFile {
    /// Reads the database of the exercise.
    pub(crate) fn read(ctx: &CheckContext) -> Result<Self, CheckError> {
        let file = ctx.service(ServiceType::Database)?.sqlite_file();
        Ok(Self::of(&file.context("the database is not a file")?)?)
    }

    fn of(file: &Path) -> anyhow::Result<Self> {
        let mut bytes = std::fs::read(file).context("cannot read the database")?;
        // Recent writes are in the write-ahead log, which may not exist.
        let mut log = file.as_os_str().to_owned();
        log.push("-wal");
        bytes.extend(std::fs::read(log).unwrap_or_default());
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
