//! Collects a program's output, limited in size. It is a transcript and never a channel: a
//! program may print any bytes.

use crate::transcript::plain;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Size of the kept tail, and of the head of a shortened text, in bytes.
const KEPT: usize = 16 << 10;

/// Maximum size of a line that is shortened, in bytes. Of a longer line only the head is
/// passed on.
const MAX_LINE_BYTES: usize = 64 << 20;

/// Shortens a line of output to what is needed of it; `None` drops it.
pub(crate) type Shorten = fn(&[u8]) -> Option<String>;

/// The tail of the output, and the total number of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    kept: Arc<Mutex<Kept>>,
    written: watch::Sender<u64>,
}

impl Default for Output {
    fn default() -> Self {
        Self { kept: Arc::default(), written: watch::Sender::new(0) }
    }
}

#[derive(Debug, Default)]
struct Kept {
    head: Vec<u8>,
    /// Requested size of the head, in bytes.
    wanted: usize,
    /// Number of bytes dropped between head and tail.
    gone: usize,
    tail: VecDeque<u8>,
    shorten: Option<Shorten>,
    /// The head of the line that is being read, if lines are shortened.
    line: Vec<u8>,
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        let Some(shorten) = self.shorten else {
            self.keep(bytes);
            return;
        };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend(&part[..room.min(part.len())]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let needed = shorten(&line).map(|line| line + "\n");
                self.keep(needed.unwrap_or_default().as_bytes());
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = self.wanted - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend(first);
        self.tail.extend(rest);
        let surplus = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..surplus);
        self.gone += surplus;
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        if self.gone > 0 && self.wanted > 0 {
            bytes.extend(format!("\n… {} bytes left out …\n", self.gone).bytes());
        }
        bytes.extend(&self.tail);
        bytes
    }
}

impl Output {
    /// An output that keeps a head of this size as well, in bytes.
    pub(crate) fn with_head(bytes: usize) -> Self {
        let output = Self::default();
        output.kept().wanted = bytes;
        output
    }

    /// An output that shortens each line before it keeps it, with a head of this size, in
    /// bytes.
    pub(crate) fn with_short_lines(bytes: usize, shorten: Shorten) -> Self {
        let output = Self::with_head(bytes);
        output.kept().shorten = Some(shorten);
        output
    }

    /// Reads a pipe to its end, in a task. It reads dropped bytes as well, so that the
    /// program never blocks on a full pipe.
    pub(crate) fn follow(
        &self,
        mut pipe: impl AsyncRead + Unpin + Send + 'static,
    ) -> JoinHandle<()> {
        let output = self.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                output.take(&buffer[..read]);
            }
        })
    }

    fn take(&self, bytes: &[u8]) {
        self.kept().take(bytes);
        self.written.send_modify(|written| *written += bytes.len() as u64);
    }

    /// Resolves when more than `limit` bytes were written.
    pub(crate) async fn beyond(&self, limit: u64) {
        let mut written = self.written.subscribe();
        let _never_closed = written.wait_for(|written| *written > limit).await;
    }

    /// The kept text without control characters.
    pub(crate) fn text(&self) -> String {
        plain_lines(&String::from_utf8_lossy(&self.kept().bytes()))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text without control characters, apart from line ends.
fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { plain(c) }).collect()
}

/// The head and the tail of a text, without control characters: of a compiler's errors the
/// first matters.
pub(crate) fn without_middle(text: &str) -> String {
    let mut kept = Kept { wanted: KEPT, ..Kept::default() };
    kept.take(text.as_bytes());
    plain_lines(&String::from_utf8_lossy(&kept.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_keeps_its_tail_and_optionally_its_head() {
        let (end, both) = (Output::default(), Output::with_head(KEPT));
        for output in [&end, &both] {
            output.take(b"error: the first\n");
            (0..1000).for_each(|_| output.take(&[b'x'; 100]));
            output.take(b"\nthe last");
        }
        assert!(!end.text().contains("the first") && end.text().ends_with("the last"));
        let both = both.text();
        assert!(both.starts_with("error: the first\nx") && both.ends_with("the last"));
        assert!(both.contains("… 67258 bytes left out …"), "{both}");
        assert!(both.len() < 3 * KEPT);
    }

    #[test]
    fn lines_are_shortened_before_they_are_kept() {
        let shorten = |line: &[u8]| {
            let is_needed = line.starts_with(b"needed");
            is_needed.then(|| format!("{} of {}", line[7], line.len()))
        };
        let output = Output::with_short_lines(KEPT, shorten);
        output.take(b"needed 1\nother\nneeded 2 ");
        (0..1000).for_each(|_| output.take(&[b'x'; 8192]));
        output.take(b"\nneeded, and cut");
        assert_eq!(output.text(), "49 of 9\n50 of 8192010\n");
    }

    #[test]
    fn only_the_head_of_an_endless_line_is_kept() {
        let output = Output::with_short_lines(KEPT, |line| Some(line.len().to_string()));
        let part = vec![b'x'; 1 << 20];
        (0..70).for_each(|_| output.take(&part));
        output.take(b"\nnext\n");
        assert_eq!(output.text(), format!("{MAX_LINE_BYTES}\n5\n"));
    }
}
