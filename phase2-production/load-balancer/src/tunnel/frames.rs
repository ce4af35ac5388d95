//! The boundaries of WebSocket frames (RFC 6455 §5.2). A close frame may be sent between two
//! frames only.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The longest header of a frame: two bytes, a length of eight and a mask of four.
const MAX_HEADER: usize = 14;

/// `1001`, "going away" (RFC 6455 §7.4.1).
const GOING_AWAY: [u8; 2] = [3, 0xe9];

/// The position in the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; MAX_HEADER],
    /// Bytes of the header that have been read.
    filled: usize,
    /// Bytes of the payload that are still to come.
    remaining: u64,
}

impl Frames {
    /// Whether the next byte begins a frame.
    pub(super) const fn is_between(&self) -> bool {
        self.filled == 0 && self.remaining == 0
    }

    /// Reads on, to the end of the current frame or of `bytes`. Returns the number of bytes
    /// read.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> usize {
        let mut read = 0;
        while read < bytes.len() && self.remaining == 0 {
            self.header[self.filled] = bytes[read];
            self.filled += 1;
            read += 1;
            if self.filled == self.header_length() {
                self.remaining = self.payload_length();
                self.filled = 0;
                if self.remaining == 0 {
                    return read;
                }
            }
        }
        let available = (bytes.len() - read) as u64;
        let taken = self.remaining.min(available);
        self.remaining -= taken;
        read + usize::try_from(taken).unwrap_or_default()
    }

    /// The length of the header, as far as it is known.
    const fn header_length(&self) -> usize {
        if self.filled < 2 {
            return 2;
        }
        let mask = if self.header[1] & 0x80 == 0 { 0 } else { 4 };
        2 + mask
            + match self.header[1] & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    fn payload_length(&self) -> u64 {
        let number = |bytes: &[u8]| {
            bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
        };
        match self.header[1] & 0x7f {
            126 => number(&self.header[2..4]),
            127 => number(&self.header[2..10]),
            short => u64::from(short),
        }
    }
}

/// The close frame of a server.
pub(super) fn close_for_client() -> Vec<u8> {
    [&[0x88, 2][..], &GOING_AWAY].concat()
}

/// The close frame of a client, which has to be masked. The key need not be secret here, as
/// no text of a third party is in the frame.
pub(super) fn close_for_server() -> Vec<u8> {
    let key = RandomState::new().build_hasher().finish().to_be_bytes();
    let masked = [GOING_AWAY[0] ^ key[0], GOING_AWAY[1] ^ key[1]];
    [&[0x88, 0x82][..], &key[..4], &masked].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets after which the frames end, if the bytes arrive `at_once` each time.
    fn boundaries(bytes: &[u8], at_once: usize) -> Vec<usize> {
        let (mut frames, mut found, mut read) = (Frames::default(), Vec::new(), 0);
        for part in bytes.chunks(at_once) {
            let mut rest = part;
            while !rest.is_empty() {
                let taken = frames.advance(rest);
                assert!(taken > 0);
                (rest, read) = (&rest[taken..], read + taken);
                if frames.is_between() {
                    found.push(read);
                }
            }
        }
        found
    }

    #[test]
    fn boundaries_are_found_however_bytes_arrive() {
        let short = [0x81, 5, 1, 2, 3, 4, 5];
        let masked = [0x82, 0x83, 9, 9, 9, 9, 1, 2, 3];
        let medium = [&[0x82, 126, 0, 200][..], &[7; 200]].concat();
        let long = [&[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0][..], &[7; 65_536]].concat();
        let empty = [0x89, 0];
        let parts = [&short[..], &masked, &medium, &empty, &long, &empty];
        let mut end = 0;
        let expected: Vec<_> = parts
            .iter()
            .map(|part| {
                end += part.len();
                end
            })
            .collect();
        let all = parts.concat();
        for at_once in [1, 2, 3, 7, 100, 4096, all.len()] {
            assert_eq!(boundaries(&all, at_once), expected, "{at_once} at once");
        }
    }
}
