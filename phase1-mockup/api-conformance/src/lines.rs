//! The output of a child process, read by a separate thread, because the child would block on
//! a full pipe.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The lines that were read from a pipe so far.
#[derive(Debug)]
pub(crate) struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    pub(crate) fn read(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let into = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                into.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Self { lines, reader: Some(reader) }
    }

    pub(crate) fn find<T>(&self, matching: impl Fn(&str) -> Option<T>) -> Option<T> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().find_map(|line| matching(line))
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.join("\n")
    }

    /// Reads until the end of the pipe. It blocks unless the process has ended.
    pub(crate) fn read_to_end(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _read_until_the_error = reader.join();
        }
        self.text()
    }
}
