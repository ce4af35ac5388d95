//! Test files that identify their owner: the file name starts with the number of the user, and
//! the bytes with the account name. So a client detects data of another user.

use bytes::Bytes;
use client::digest::sha256;
use rand::Rng;

/// The start of the bytes of every file, before the account name.
const OWNER_TAG: &[u8] = b"owner: ";

/// A file before it is uploaded.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// The file name, unique in the run.
    pub name: String,
    /// A tag, followed by random bytes.
    pub bytes: Bytes,
    /// The hash of the bytes.
    pub sha256: String,
}

impl TestFile {
    /// A file of `size` bytes, or of the length of its tag if that is longer.
    pub fn new(
        user: usize,
        owner: &str,
        number: usize,
        size: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let name = format!("{}{number:05}.bin", file_name_prefix(user));
        let mut bytes =
            [OWNER_TAG, owner.as_bytes(), b"\n", name.as_bytes(), b"\n"].concat();
        let tag = bytes.len();
        bytes.resize(tag.max(size), 0);
        rng.fill_bytes(&mut bytes[tag..]);
        Self { name, sha256: sha256(&bytes), bytes: Bytes::from(bytes) }
    }
}

/// The prefix of the file names of a user.
#[must_use]
pub fn file_name_prefix(user: usize) -> String {
    format!("u{user}-")
}

/// The owner of the bytes; [`None`] without a tag.
#[must_use]
pub fn owner_of(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(OWNER_TAG)?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    String::from_utf8(rest[..end].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn same_seed_gives_the_same_tagged_bytes() {
        let make = || {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            TestFile::new(3, "user-3", 12, 2_000, &mut rng)
        };
        let (one, other) = (make(), make());
        assert_eq!(one.bytes, other.bytes);
        assert_eq!(one.bytes.len(), 2_000);
        assert_eq!(owner_of(&one.bytes).as_deref(), Some("user-3"));
        assert!(one.name.starts_with(&file_name_prefix(3)));
        assert_eq!(owner_of(b"owner: no-line-end"), None);
        assert_eq!(owner_of(b"something else\n"), None);
    }
}
