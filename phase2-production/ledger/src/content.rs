//! Files that say whose they are: a name that begins with its owner's number, and bytes
//! that begin with its owner's name. Whoever gets another's can tell.

use api_conformance::digest::sha256;
use bytes::Bytes;
use rand::Rng;

/// What the bytes of every file begin with, before the owner's name.
const TAG: &[u8] = b"owner: ";

/// A file before it is uploaded.
#[derive(Clone, Debug)]
pub struct Content {
    /// No two files of a run have the same.
    pub name: String,
    /// A tag, and then whatever the dice said.
    pub bytes: Bytes,
    /// Of the bytes.
    pub sha256: String,
}

impl Content {
    /// A file of `size` bytes, or a few more for the tag.
    pub fn new(
        user: usize,
        owner: &str,
        number: usize,
        size: usize,
        dice: &mut impl Rng,
    ) -> Self {
        let name = format!("{}{number:05}.bin", prefix(user));
        let mut bytes = [TAG, owner.as_bytes(), b"\n", name.as_bytes(), b"\n"].concat();
        let tag = bytes.len();
        bytes.resize(tag.max(size), 0);
        dice.fill_bytes(&mut bytes[tag..]);
        Self { name, sha256: sha256(&bytes), bytes: Bytes::from(bytes) }
    }
}

/// What the names of a user's files begin with.
#[must_use]
pub fn prefix(user: usize) -> String {
    format!("u{user}-")
}

/// Whose bytes these are; [`None`] when they do not begin with a tag.
#[must_use]
pub fn owner_of(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(TAG)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn bytes_say_whose_they_are_and_the_same_seed_gives_the_same() {
        let make = || {
            let mut dice = ChaCha8Rng::seed_from_u64(7);
            Content::new(3, "user-3", 12, 2_000, &mut dice)
        };
        let (one, other) = (make(), make());
        assert_eq!(one.bytes, other.bytes);
        assert_eq!(one.bytes.len(), 2_000);
        assert_eq!(owner_of(&one.bytes).as_deref(), Some("user-3"));
        assert!(one.name.starts_with(&prefix(3)));
        assert_eq!(owner_of(b"owner: nobody"), None);
        assert_eq!(owner_of(b"something else\n"), None);
    }
}
