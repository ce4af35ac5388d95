//! The source files of both servers, and the items in them.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of one server.
#[derive(Clone, Copy)]
pub(crate) struct Server {
    package: &'static str,
    /// The file that has another name in the other server.
    pub(crate) own: &'static str,
}

/// The stateful server.
pub(crate) const STATEFUL: Server =
    Server { package: "stateful-server", own: "sessions" };

/// The stateless server.
pub(crate) const STATELESS: Server =
    Server { package: "stateless-server", own: "tokens" };

impl Server {
    /// All source files, relative to `src`, sorted.
    pub(crate) fn files(self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.src()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder of sources") {
                let path = entry.expect("an entry of a folder").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let inside = path.strip_prefix(self.src()).expect("below src");
                    files.push(inside.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// The files that are compared. Files in subfolders are tests of the file in which the
    /// servers have nothing in common.
    pub(crate) fn columns(self) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| !file.contains('/'));
        files
    }

    /// The text of one file.
    pub(crate) fn read(self, file: &str) -> String {
        let path = self.src().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    }

    /// The names of the tests in `consequences.rs`, in their order.
    pub(crate) fn consequences(self) -> Vec<String> {
        let source = self.read("../tests/server/consequences.rs");
        let lines: Vec<_> = source.lines().collect();
        let marked = lines.windows(2).filter(|pair| pair[0] == "#[tokio::test]");
        marked.map(|pair| name_of_test(pair[1]).to_owned()).collect()
    }

    fn src(self) -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.join("..").join(self.package).join("src")
    }
}

/// The items of a file in their order, each by its kind and name. Imports are left out, because
/// the snapshot of all lines shows them.
pub(crate) fn items(source: &str) -> Vec<&str> {
    source.lines().filter_map(item).collect()
}

fn item(line: &str) -> Option<&str> {
    const KINDS: [&str; 10] = [
        "fn ",
        "struct ",
        "enum ",
        "impl",
        "trait ",
        "const ",
        "static ",
        "type ",
        "mod ",
        "macro_rules! ",
    ];
    let bare =
        ["pub(crate) ", "pub ", "async ", "const "].iter().fold(line, |rest, word| {
            match rest.strip_prefix(word) {
                Some(after) if *word != "const " || after.starts_with("fn ") => after,
                _ => rest,
            }
        });
    KINDS.iter().find(|kind| bare.starts_with(**kind))?;
    let is_impl = bare.starts_with("impl");
    let ends: &[char] = if is_impl { &['{'] } else { &['(', '{', ';', ':', '=', '<'] };
    // `pub(crate)` has a bracket before the name.
    let from = line.len() - bare.len();
    let end = line[from..].find(ends).map_or(line.len(), |at| from + at);
    Some(line[..end].trim_end())
}

fn name_of_test(line: &str) -> &str {
    let name = line.strip_prefix("async fn ").expect("a test is a function");
    name.split('(').next().unwrap_or(name)
}

#[test]
fn items_have_kind_and_name() {
    let source = "use a::b;\npub(crate) async fn view(\n    x: u8,\n) {}\n\
                  const LIMIT: u8 = 1;\npub const fn f() {}\nimpl<T> From<T> for U {\n\
                  \x20   fn hidden() {}\n}\nmod tests;\npub struct Only(u8);\n";
    let expected = [
        "pub(crate) async fn view",
        "const LIMIT",
        "pub const fn f",
        "impl<T> From<T> for U",
        "mod tests",
        "pub struct Only",
    ];
    assert_eq!(items(source), expected);
}
