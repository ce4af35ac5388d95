//! Decides which parts a new one takes in. So the number of parts depends on the bytes of an
//! upload, and not on the pieces in which its client sends them.
//!
//! A part below [`PART_BYTES`] is small. A new part takes in the small parts before it, as
//! long as each is at most twice as large as all bytes after it. Therefore:
//! - Each small part is more than twice as large as the next one, and none is before a full
//!   one. An upload has at most 20 small parts, and one full part per MiB.
//! - A part that is written again becomes at least half as large again. So a byte is written
//!   again at most 35 times, the logarithm of a MiB to the base 1.5, in any upload.

/// Bytes from which on a part is full: it is not written again. A body is stored in parts of
/// this size, unless it is slow or memory is short.
pub(super) const PART_BYTES: usize = 1024 * 1024;

/// Most parts that a new one takes in. Only an upload of an older program has more small ones.
pub(super) const MAX_MERGED_PARTS: usize = 32;

/// The number of parts that a new one of `size` bytes takes in. `last_sizes` are the sizes of
/// the parts before it, the last one first.
pub(super) fn count_merged(
    last_sizes: impl IntoIterator<Item = u64>,
    size: u64,
) -> usize {
    let mut total = size;
    let merged = last_sizes.into_iter().take_while(|&part| {
        let is_merged = part < PART_BYTES as u64 && part <= 2 * total;
        total += part;
        is_merged
    });
    merged.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = PART_BYTES as u64;

    /// Most bytes that the pieces of this test write again for each byte sent.
    const MAX_REWRITES: u64 = 12;

    #[derive(Default)]
    struct SimulatedUpload {
        parts: Vec<u64>,
        sent: u64,
        rewritten: u64,
    }

    impl SimulatedUpload {
        fn append(&mut self, size: u64) {
            let last = self.parts.iter().rev().copied().take(MAX_MERGED_PARTS);
            let kept = self.parts.len() - count_merged(last, size);
            let merged: u64 = self.parts.drain(kept..).sum();
            self.parts.push(merged + size);
            self.sent += size;
            self.rewritten += merged;
        }
    }

    /// Sizes from 1 to `1 << bits`.
    fn random(bits: u32, count: usize) -> Vec<u64> {
        let mut state = 1_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            1 + (state >> (64 - bits))
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn pieces_of_any_size_give_few_parts() {
        let halves = || (1..=20).map(|shift| MIB >> shift);
        let sequences: [(&str, Vec<u64>); 9] = [
            ("single bytes", vec![1; 10_000]),
            ("rising", (1..=2_000).collect()),
            ("falling", (1..=400).rev().collect()),
            ("falling from a MiB", (1..=1_000).rev().map(|n| n * 1_000).collect()),
            ("saw-tooth", (0..100).flat_map(|_| (1..=64).rev()).collect()),
            ("half a MiB and one byte", vec![MIB / 2 + 1; 200]),
            ("halves", (0..50).flat_map(|_| halves()).collect()),
            ("halves, full", (0..50).flat_map(|_| halves().chain([MIB])).collect()),
            ("random", [random(8, 3_000), random(20, 500)].concat()),
        ];
        for (name, pieces) in sequences {
            let mut upload = SimulatedUpload::default();
            for size in pieces {
                upload.append(size);
                let (parts, sent) = (upload.parts.len() as u64, upload.sent);
                assert!(parts <= 20 + sent / MIB, "{name}: {parts} parts of {sent}");
            }
            let SimulatedUpload { sent, rewritten, .. } = upload;
            assert!(rewritten <= MAX_REWRITES * sent, "{name}: {rewritten} of {sent}");
        }
    }
}
