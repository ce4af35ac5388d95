//! Collects the bytes of one part in memory.
//!
//! The client decides how fast it sends. So a part also ends some time after its first byte,
//! and when this replica has no more memory for parts: a stalled request holds no bytes.

use super::merge::PART_BYTES;
use crate::error::Error;
use crate::uploads::under_way::PartMemory;
use blobs::BlobError;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use std::error::Error as StdError;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// Longest time for which the bytes of a body stay in memory only.
const MAX_PART_TIME: Duration = Duration::from_secs(2);

/// The reason why a part has no more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// The body has ended.
    BodyEnded,
    /// The part is full, has waited long enough, or there is no more memory. It has bytes.
    PartEnded,
}

/// Bytes of a part. Its memory is released on drop.
#[derive(Default)]
pub(super) struct PartBuffer {
    bytes: BytesMut,
    reserved: Option<OwnedSemaphorePermit>,
}

impl PartBuffer {
    /// Fills the part. Excess bytes stay in `rest`.
    ///
    /// # Errors
    /// If the body breaks off. The bytes before it are in the part.
    pub(super) async fn fill<S, E>(
        &mut self,
        rest: &mut Bytes,
        body: &mut S,
        memory: &PartMemory,
    ) -> Result<Filled, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let mut deadline = None;
        while self.bytes.len() < PART_BYTES {
            if rest.is_empty() {
                let next = match deadline {
                    Some(deadline) => timeout_at(deadline, body.next()).await,
                    // Without bytes nothing is held.
                    None => Ok(body.next().await),
                };
                match next {
                    Ok(Some(Ok(chunk))) => *rest = chunk,
                    Ok(Some(Err(broken))) => {
                        return Err(BlobError::BrokenBody(broken.into()).into());
                    }
                    Ok(None) => return Ok(Filled::BodyEnded),
                    Err(_elapsed) => return Ok(Filled::PartEnded),
                }
            }
            let count = rest.len().min(PART_BYTES - self.bytes.len());
            if !self.reserve(count, memory).await {
                return Ok(Filled::PartEnded);
            }
            self.bytes.extend_from_slice(&rest.split_to(count));
            deadline = deadline.or_else(|| Some(Instant::now() + MAX_PART_TIME));
        }
        Ok(Filled::PartEnded)
    }

    /// Reserves memory for more bytes. Only an empty part waits for memory: if parts with
    /// bytes waited, each could wait for the others. They are stored early instead.
    async fn reserve(&mut self, count: usize, memory: &PartMemory) -> bool {
        let Some(reserved) = &mut self.reserved else {
            self.reserved = memory.reserve(count).await;
            return true;
        };
        match memory.try_reserve(count) {
            Some(more) => {
                reserved.merge(more);
                true
            }
            None => false,
        }
    }

    /// Takes the bytes out. Their memory stays reserved until the drop.
    pub(super) fn take(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uploads::under_way::{MAX_PART_MEMORY, UnderWay};
    use futures_util::stream;
    use tokio::time::timeout;

    type Chunk = Result<Bytes, BlobError>;

    async fn filled(
        body: &mut (impl Stream<Item = Chunk> + Unpin),
        memory: &PartMemory,
    ) -> (Filled, PartBuffer) {
        let mut part = PartBuffer::default();
        let filled = part.fill(&mut Bytes::new(), body, memory).await.unwrap();
        (filled, part)
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_a_stalled_body_leave_memory_soon() {
        let memory = UnderWay::default().part_memory();
        let begun = stream::iter([Ok(Bytes::from_static(b"abc"))]);
        let mut stalled = begun.chain(stream::pending::<Chunk>());
        let began = Instant::now();
        let (reason, mut part) = filled(&mut stalled, &memory).await;
        assert_eq!((reason, &part.take()[..]), (Filled::PartEnded, &b"abc"[..]));
        assert!(began.elapsed() < 2 * MAX_PART_TIME);
        let idle = filled(&mut stalled, &memory);
        assert!(timeout(10 * MAX_PART_TIME, idle).await.is_err(), "an empty part");
    }

    #[tokio::test(start_paused = true)]
    async fn all_parts_together_have_limited_memory() {
        let memory = UnderWay::default().part_memory();
        let chunk = Bytes::from(vec![7; 300 * 1024]);
        let mut endless = stream::repeat_with(|| Ok::<_, BlobError>(chunk.clone()));
        let mut ended = stream::iter([Ok(Bytes::from_static(b"abc"))]);
        let mut parts = vec![filled(&mut ended, &memory).await];
        assert_eq!(parts[0].0, Filled::BodyEnded);
        let mut held = 3;
        while let Ok((reason, mut part)) =
            timeout(MAX_PART_TIME, filled(&mut endless, &memory)).await
        {
            assert_eq!(reason, Filled::PartEnded);
            held += part.take().len();
            parts.push((reason, part));
            assert!(held <= MAX_PART_MEMORY, "{held} bytes are held");
        }
        assert!(held > MAX_PART_MEMORY - PART_BYTES, "{held} bytes are held");
        parts.pop();
        let next = timeout(MAX_PART_TIME, filled(&mut endless, &memory)).await;
        assert!(next.is_ok(), "released memory is used again");
    }
}
