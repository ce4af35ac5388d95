//! What a program wrote, as much of it as anybody will read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;

/// Bytes of the end that are kept.
const KEPT: usize = 16 << 10;

/// The beginning of the ready line.
const READY: &str = "ready ";

/// The last of what was written, how much it was in all, and the ready line.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    tail: Arc<Mutex<VecDeque<u8>>>,
    written: watch::Sender<u64>,
    ready: watch::Sender<Option<String>>,
}

impl Default for Output {
    fn default() -> Self {
        let (written, ready) = (watch::Sender::new(0), watch::Sender::new(None));
        Self { tail: Arc::default(), written, ready }
    }
}

impl Output {
    /// Reads a pipe to its end, in a task. What is not kept is read all the same: a
    /// program must not wait for us.
    pub(crate) fn follow(&self, mut pipe: impl AsyncRead + Unpin + Send + 'static) {
        let output = self.clone();
        tokio::spawn(async move {
            let (mut buffer, mut line) = (vec![0; 8192], Vec::new());
            while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
                output.take(&buffer[..read]);
                output.look_for_ready(&mut line, &buffer[..read]);
            }
        });
    }

    fn take(&self, bytes: &[u8]) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(bytes);
        let surplus = tail.len().saturating_sub(KEPT);
        tail.drain(..surplus);
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

    /// What is kept, without what a terminal would obey.
    pub(crate) fn text(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
        String::from_utf8_lossy(&bytes).chars().map(plain).collect()
    }
}
