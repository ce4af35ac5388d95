//! The reason why a process ended, from its log.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The marker of the line with the reason, which every program of the lab and clap print.
const ERROR: &str = "error: ";

/// The part of a log that is written after a moment. Earlier starts of the same process have
/// left their own errors in it.
#[derive(Debug)]
pub struct LogTail {
    path: PathBuf,
    offset: u64,
}

impl LogTail {
    /// The part that is written from now on.
    #[must_use]
    pub fn after(path: &Path) -> Self {
        let offset = fs::metadata(path).map_or(0, |meta| meta.len());
        Self { path: path.to_owned(), offset }
    }

    /// The reason for an end, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.offset))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(bytes)
        };
        reason(&String::from_utf8_lossy(&read().unwrap_or_default()))
    }
}

/// The paragraph of the last error: clap prints the missing arguments below it, and after an
/// empty line the usage, which is no reason. Without an error the last line.
fn reason(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let panic =
        |line: &&str| line.starts_with("thread '") && line.contains("panicked at");
    let error = lines.iter().rposition(|line| line.starts_with(ERROR));
    let first = error.or_else(|| lines.iter().rposition(panic));
    let Some(first) = first else {
        let last = lines.iter().rev().find(|line| !line.is_empty());
        return last.map_or_else(
            || "the process ended without a log".into(),
            |line| (*line).into(),
        );
    };
    let paragraph = lines[first..].iter().take_while(|line| !line.is_empty()).copied();
    // A panic is followed by its stack.
    let paragraph = paragraph.take_while(|line| !line.starts_with("stack backtrace"));
    paragraph.collect::<Vec<_>>().join(" ").trim_start_matches(ERROR).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_the_paragraph_of_the_last_error() {
        let clap = "error: unexpected argument '--bogus' found\n\n  tip: to pass it\n\n\
                    Usage: cluster-role [OPTIONS]\n\nFor more information, try '--help'.\n";
        let missing = "error: the following required arguments were not provided:\n  \
                       --design <DESIGN>\n\nUsage: x\n";
        let panic = "thread 'main' panicked at src/a.rs:1:2:\nno such thing\nstack backtrace:\n 0: x\n";
        for (log, expected) in [
            (clap, "unexpected argument '--bogus' found"),
            (
                missing,
                "the following required arguments were not provided: --design <DESIGN>",
            ),
            (panic, "thread 'main' panicked at src/a.rs:1:2: no such thing"),
            ("error: first\n\nINFO more\nerror: second\n", "second"),
            ("INFO started\nkilled by a signal\n\n", "killed by a signal"),
            ("", "the process ended without a log"),
        ] {
            assert_eq!(reason(log), expected);
        }
    }

    #[test]
    fn errors_of_earlier_starts_are_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "error: yesterday\n").unwrap();
        let tail = LogTail::after(&path);
        assert_eq!(tail.reason(), "the process ended without a log");
        let before = fs::read_to_string(&path).unwrap();
        fs::write(&path, before + "error: today\n").unwrap();
        assert_eq!(tail.reason(), "today");
    }
}
