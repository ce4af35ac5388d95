//! Identifies the build of the running program, to distinguish two versions that run side by
//! side.
//!
//! The linker writes a hash of the program into the ELF note `NT_GNU_BUILD_ID` (ld,
//! `--build-id`), at the start of the file. Reading it costs one read; nothing is compiled
//! in, so unchanged sources still give an unchanged program.

use std::fmt::Write;
use std::fs::File;
use std::io::Read;

/// Header of the note without its first two lengths: the name's length is 4, then follow the
/// length of the hash, the type 3, and the name.
const TYPE_AND_NAME: &[u8] = b"\x03\0\0\0GNU\0";

/// Where the note must be: the linker puts notes before code and data.
const MAX_NOTE_OFFSET: u64 = 64 * 1024;

/// Longest hash in bytes (SHA-512).
const MAX_HASH_BYTES: usize = 64;

/// The build id in hexadecimal; `None` if the linker wrote none or the system has no
/// `/proc`.
#[must_use]
pub fn of_this_program() -> Option<String> {
    let mut start = Vec::new();
    let program = File::open("/proc/self/exe").ok()?;
    program.take(MAX_NOTE_OFFSET).read_to_end(&mut start).ok()?;
    find(&start)
}

fn find(start: &[u8]) -> Option<String> {
    let name = start.windows(TYPE_AND_NAME.len()).position(|at| at == TYPE_AND_NAME)?;
    let length = start.get(name.checked_sub(4)?..name)?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let length =
        usize::try_from(length).ok().filter(|length| *length <= MAX_HASH_BYTES)?;
    let hash = name + TYPE_AND_NAME.len();
    let hash = start.get(hash..hash + length)?;
    let mut text = String::with_capacity(2 * length);
    for byte in hash {
        let _infallible = write!(text, "{byte:02x}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn note_is_found_between_other_bytes() {
        let note = b"\x7fELF....\x04\0\0\0\x02\0\0\0\x03\0\0\0GNU\0\xab\x01more";
        assert_eq!(find(note).as_deref(), Some("ab01"));
        assert_eq!(find(b"\x7fELF without a note"), None);
        assert_eq!(find(b"\x04\0\0\0\xff\xff\0\0\x03\0\0\0GNU\0\xab"), None);
    }
}
