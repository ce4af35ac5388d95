//! One part of a blob, buffered until it is large enough to send.
//!
//! S3 requires parts of at least 5 MiB. Sixty-four slow uploads at once would hold 320
//! MiB in memory; so a growing part is written to an unnamed file and is in memory only
//! while it is sent.

use crate::local::on_disk;
use bytes::{Bytes, BytesMut};
use std::io::{self, SeekFrom, Write};
use std::path::Path;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Maximum number of a part's bytes in memory.
const MAX_IN_MEMORY: usize = 128 * 1024;

/// Minimum size of an S3 part, except the last, in bytes.
const MIN_S3_PART: usize = 5 * 1024 * 1024;

/// Bytes that [`check_scratch`] writes: a file system without a free block refuses them.
const SCRATCH_PROBE: usize = 4 * 1024;

/// Checks that a part can be written to a file.
pub(crate) async fn check_scratch() -> io::Result<()> {
    on_disk(|| write_scratch(&tempfile::env::temp_dir())).await
}

fn write_scratch(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(&[0; SCRATCH_PROBE])
}

#[derive(Debug)]
pub(crate) struct Part {
    memory: BytesMut,
    file: Option<File>,
    in_file: usize,
    full: usize,
}

impl Part {
    /// For the local disk: sent in small chunks.
    pub(crate) fn small() -> Self {
        Self { memory: BytesMut::new(), file: None, in_file: 0, full: MAX_IN_MEMORY }
    }

    /// For S3.
    pub(crate) fn large() -> Self {
        Self { full: MIN_S3_PART, ..Self::small() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.in_file + self.memory.len() >= self.full
    }

    /// Moves bytes from the front of `bytes` until the part or its memory buffer is full.
    pub(crate) async fn fill(&mut self, bytes: &mut Bytes) -> io::Result<()> {
        let free = self.full - self.in_file - self.memory.len();
        let free = free.min(MAX_IN_MEMORY - self.memory.len()).min(bytes.len());
        self.memory.reserve(free);
        self.memory.extend_from_slice(&bytes.split_to(free));
        if self.memory.len() == MAX_IN_MEMORY && self.full > MAX_IN_MEMORY {
            self.spill().await?;
        }
        Ok(())
    }

    async fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::from_std(on_disk(tempfile::tempfile).await?)),
        };
        file.write_all(&self.memory).await?;
        self.in_file += self.memory.len();
        self.memory.clear();
        Ok(())
    }

    /// Takes all buffered bytes; the part is empty afterwards.
    pub(crate) async fn take(&mut self) -> io::Result<Bytes> {
        let Some(file) = self.file.as_mut().filter(|_| self.in_file > 0) else {
            return Ok(self.memory.split().freeze());
        };
        // Allocated at its full size, because a growing vector is copied and needs twice
        // the memory.
        let mut whole = Vec::with_capacity(self.in_file + self.memory.len());
        whole.resize(self.in_file, 0);
        file.seek(SeekFrom::Start(0)).await?;
        file.read_exact(&mut whole).await?;
        file.seek(SeekFrom::Start(0)).await?;
        whole.extend_from_slice(&self.memory);
        self.memory.clear();
        self.in_file = 0;
        Ok(Bytes::from(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn part_returns_its_bytes_and_can_be_reused() {
        let pattern: Bytes = (0..=255_u8).cycle().take(7 * 1024 * 1024 + 3).collect();
        for mut part in [Part::small(), Part::large()] {
            let (mut rest, mut out) = (pattern.clone(), Vec::new());
            while !rest.is_empty() {
                let mut chunk = rest.split_to(rest.len().min(70_001));
                while !chunk.is_empty() {
                    part.fill(&mut chunk).await.unwrap();
                    if part.is_full() {
                        out.extend_from_slice(&part.take().await.unwrap());
                    }
                }
            }
            out.extend_from_slice(&part.take().await.unwrap());
            assert!(out == pattern);
        }
    }

    #[test]
    fn missing_scratch_folder_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        write_scratch(folder.path()).unwrap();
        let missing = write_scratch(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn large_part_needs_little_memory() {
        let mut part = Part::large();
        let mut bytes = Bytes::from(vec![7; MIN_S3_PART - 1]);
        while !bytes.is_empty() {
            part.fill(&mut bytes).await.unwrap();
        }
        assert!(part.memory.capacity() <= 2 * MAX_IN_MEMORY);
        assert_eq!(part.take().await.unwrap().len(), MIN_S3_PART - 1);
    }
}
