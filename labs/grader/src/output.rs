//! Collects a program's output, limited in size.

use crate::transcript::plain;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Size of the kept tail, and of the kept head if it is requested, in bytes.
const KEPT: usize = 16 << 10;

/// Prefix of the ready line.
const READY: &str = "ready ";

/// The tail of the output, the total number of bytes, and the ready line.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    kept: Arc<Mutex<Kept>>,
    written: watch::Sender<u64>,
    ready: watch::Sender<Option<String>>,
}

impl Default for Output {
    fn default() -> Self {
        let (written, ready) = (watch::Sender::new(0), watch::Sender::new(None));
        Self { kept: Arc::default(), written, ready }
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
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
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
    /// An output that keeps the head as well: of a compiler's errors the first matters.
    pub(crate) fn with_beginning() -> Self {
        let output = Self::default();
        output.kept().wanted = KEPT;
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
            let (mut buffer, mut line) = (vec![0; 8192], Vec::new());
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                output.take(&buffer[..read]);
                output.look_for_ready(&mut line, &buffer[..read]);
            }
        })
    }

    fn take(&self, bytes: &[u8]) {
        self.kept().take(bytes);
        self.written.send_modify(|written| *written += bytes.len() as u64);
    }

    fn look_for_ready(&self, line: &mut Vec<u8>, bytes: &[u8]) {
        if self.ready.borrow().is_some() {
            return;
        }
        for byte in bytes {
            match byte {
                b'\n' => {
                    let text = String::from_utf8_lossy(line).into_owned();
                    if text.starts_with(READY) {
                        self.ready.send_replace(Some(text));
                        return;
                    }
                    line.clear();
                }
                _ if line.len() < KEPT => line.push(*byte),
                _ => {}
            }
        }
    }

    /// Resolves with the ready line.
    pub(crate) async fn ready(&self) -> String {
        let mut ready = self.ready.subscribe();
        let line = ready.wait_for(Option::is_some).await;
        line.ok().and_then(|line| line.clone()).unwrap_or_default()
    }

    /// Resolves when more than `limit` bytes were written.
    pub(crate) async fn beyond(&self, limit: u64) {
        let mut written = self.written.subscribe();
        let _never_closed = written.wait_for(|written| *written > limit).await;
    }

    /// The kept text without control characters.
    pub(crate) fn text(&self) -> String {
        let plain = |c: char| if c == '\n' { c } else { plain(c) };
        String::from_utf8_lossy(&self.kept().bytes()).chars().map(plain).collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_keeps_its_tail_and_optionally_its_head() {
        let (end, both) = (Output::default(), Output::with_beginning());
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
}
