//! One part of a blob, gathered until it is worth sending.
//!
//! S3 takes parts of no less than 5 MiB. Sixty-four uploads at once would hold 320 MiB, for
//! as long as their clients please; so a part that grows goes to an unnamed file, and is in
//! memory only while it is sent.

use crate::local::on_disk;
use bytes::{Bytes, BytesMut};
use std::io::{self, SeekFrom};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// Bytes of a part that are held in memory.
const IN_MEMORY: usize = 128 * 1024;

/// The least that S3 takes as a part that is not the last.
const S3_PART: usize = 5 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Part {
    memory: BytesMut,
    file: Option<File>,
    in_file: usize,
    full: usize,
}

impl Part {
    /// For the local disk: written whenever there is enough to be worth a call.
    pub(crate) fn small() -> Self {
        Self { memory: BytesMut::new(), file: None, in_file: 0, full: IN_MEMORY }
    }

    /// For S3.
    pub(crate) fn large() -> Self {
        Self { full: S3_PART, ..Self::small() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.in_file + self.memory.len() >= self.full
    }

    /// Takes from the front of `bytes` what fits.
    pub(crate) async fn fill(&mut self, bytes: &mut Bytes) -> io::Result<()> {
        let room = self.full - self.in_file - self.memory.len();
        let room = room.min(IN_MEMORY - self.memory.len()).min(bytes.len());
        self.memory.reserve(room);
        self.memory.extend_from_slice(&bytes.split_to(room));
        if self.memory.len() == IN_MEMORY && self.full > IN_MEMORY {
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

    /// All that was gathered; the part is then empty again.
    pub(crate) async fn take(&mut self) -> io::Result<Bytes> {
        let Some(file) = self.file.as_mut().filter(|_| self.in_file > 0) else {
            return Ok(self.memory.split().freeze());
        };
        // In one piece from the start: a vector that grows is copied, and there twice.
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
    async fn what_goes_into_a_part_comes_out_of_it_again_and_again() {
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

    #[tokio::test]
    async fn a_large_part_holds_little_in_memory() {
        let mut part = Part::large();
        let mut bytes = Bytes::from(vec![7; S3_PART - 1]);
        while !bytes.is_empty() {
            part.fill(&mut bytes).await.unwrap();
        }
        assert!(part.memory.capacity() <= 2 * IN_MEMORY);
        assert_eq!(part.take().await.unwrap().len(), S3_PART - 1);
    }
}
