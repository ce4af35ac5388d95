//! Commands in printed hints, so that they work when pasted into a shell.

use std::path::Path;

/// A path as one word of a shell. A path that is no text is printed as it is shown.
pub(crate) fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    shlex::try_quote(&shown).map(String::from).unwrap_or(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_with_a_space_is_one_word() {
        for path in ["/tmp/u.json", "my class/u.json", "it's", ""] {
            assert_eq!(shlex::split(&quoted(Path::new(path))).unwrap(), [path]);
        }
        assert_eq!(quoted(Path::new("/tmp/u.json")), "/tmp/u.json");
    }
}
