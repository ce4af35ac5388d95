//! The output of a child process, read by a separate thread, because the child would block on
//! a full pipe.

use std::io::{BufRead, BufReader, Read};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// The lines that were read from a pipe so far. After this value is dropped, the pipe is read
/// on, and its content is ignored.
#[derive(Debug)]
pub struct Lines {
    read: watch::Receiver<Vec<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    /// Reads the lines of a pipe.
    #[must_use]
    pub fn read(pipe: impl Read + Send + 'static) -> Self {
        let (lines, read) = watch::channel(Vec::new());
        let reader = std::thread::spawn(move || read_all(pipe, &lines));
        Self { read, reader: Some(reader) }
    }

    /// The first value that `matching` finds in a line so far.
    pub fn find<T>(&self, matching: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.read.borrow().iter().find_map(|line| matching(line))
    }

    /// The first value that `matching` finds in a line. Waits for further lines; [`None`] at
    /// the end of the pipe.
    pub async fn wait_for<T>(&self, matching: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut read = self.read.clone();
        let mut next = 0;
        loop {
            // The last lines and the end of the pipe may have come since the search.
            let is_open = read.has_changed().is_ok();
            let found = {
                let lines = read.borrow_and_update();
                let first = std::mem::replace(&mut next, lines.len());
                lines[first..].iter().find_map(|line| matching(line))
            };
            if found.is_some() || !is_open {
                return found;
            }
            let _searched_once_more_at_the_end = read.changed().await;
        }
    }

    /// All lines so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.read.borrow().join("\n")
    }

    /// Reads until the end of the pipe. It blocks unless the process has ended.
    pub fn read_to_end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _read_until_the_error = reader.join();
        }
        self.text()
    }
}

fn read_all(pipe: impl Read, lines: &watch::Sender<Vec<String>>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while let Ok(1..) = pipe.read_until(b'\n', &mut line) {
        if !lines.is_closed() {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            lines.send_modify(|lines| lines.push(text));
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn lines_are_found_before_and_after_the_search_begins() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut lines = Lines::read(reader);
        let number = |line: &str| line.parse::<u32>().ok();
        writer.write_all(b"first\n\xff is no text\n7\n").unwrap();
        assert_eq!(lines.wait_for(number).await, Some(7));
        assert_eq!(lines.find(number), Some(7));
        let later = |line: &str| number(line).filter(|number| *number > 7);
        let (found, ()) = tokio::join!(lines.wait_for(later), async {
            // The last line of a process may have no end.
            writer.write_all(b"8").unwrap();
            drop(writer);
        });
        assert_eq!(found, Some(8));
        assert_eq!(lines.wait_for(|_| None::<()>).await, None, "the pipe has ended");
        assert_eq!(lines.read_to_end(), "first\n\u{fffd} is no text\n7\n8");
    }
}
