//! The command line of this program, for messages.

use std::ffi::OsString;

/// The arguments without the program. An argument may have bytes that are no text
/// (`std::env::args` panics then): each of them becomes U+FFFD.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(as_text)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map")]
fn as_text(argument: OsString) -> String {
    argument.to_string_lossy().into_owned()
}
