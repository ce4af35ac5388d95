//! The documentation as data: pages, their fenced blocks, their links, their tables.

use std::fs;
use std::path::{Path, PathBuf};

/// A page of the documentation.
pub(crate) struct Page {
    /// Its path from the top of the repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// The text after the opening fence.
    pub(crate) info: String,
    pub(crate) text: String,
}

/// `[text](target)`.
pub(crate) struct Link {
    pub(crate) text: String,
    pub(crate) target: String,
}

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    lab.ancestors().nth(2).expect("labs/lab is two folders down").to_owned()
}

/// One page by its path from the top of the repository.
pub(crate) fn page(name: &str) -> Page {
    let path = top().join(name);
    let text = fs::read_to_string(&path);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Page { name: name.to_owned(), text }
}

/// `README.md` and everything below `docs`.
pub(crate) fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).expect("docs can be read") {
            let entry = entry.expect("docs can be read");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                names.push(path.to_str().expect("plain names").to_owned());
            }
        }
    }
    names.sort();
    names.iter().map(|name| page(name)).collect()
}

impl Page {
    /// The fenced blocks, without the indentation that a list gives them.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let indent = line.len() - line.trim_start().len();
            let body = lines.by_ref().take_while(|line| line.trim() != "```");
            let text: Vec<_> =
                body.map(|line| line.get(indent..).unwrap_or("")).collect();
            blocks.push(Block { info: info.trim().to_owned(), text: text.join("\n") });
        }
        blocks
    }

    /// The text without fenced blocks.
    pub(crate) fn prose(&self) -> String {
        let mut fenced = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            let fence = line.trim_start().starts_with("```");
            if !fenced && !fence {
                prose.push_str(line);
            }
            prose.push('\n');
            fenced ^= fence;
        }
        prose
    }

    pub(crate) fn links(&self) -> Vec<Link> {
        let prose = self.prose();
        let mut links = Vec::new();
        for (at, _) in prose.match_indices("](") {
            let (before, after) = (&prose[..at], &prose[at + 2..]);
            let (Some(open), Some(close)) = (before.rfind('['), after.find(')')) else {
                panic!("{}: half a link near {:?}", self.name, &prose[at..]);
            };
            links.push(Link {
                text: before[open + 1..].to_owned(),
                target: after[..close].to_owned(),
            });
        }
        links
    }

    /// The rows of the table with this first header, as trimmed cells.
    pub(crate) fn table(&self, first_header: &str) -> Vec<Vec<String>> {
        let cells = |line: &str| -> Vec<String> {
            let inner = line.trim().trim_matches('|');
            inner.split('|').map(|cell| cell.trim().to_owned()).collect()
        };
        let begins = |line: &&str| {
            line.starts_with('|')
                && cells(line).first().is_some_and(|cell| cell == first_header)
        };
        let mut lines = self.text.lines().skip_while(|line| !begins(line));
        assert!(lines.next().is_some(), "{}: no table of {first_header}", self.name);
        // Skips the line of dashes below the header.
        lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
    }

    /// The anchors of its headings.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let prose = self.prose();
        let headings = prose.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

/// As GitHub and mdBook make it: lower case, dashes for spaces, no punctuation.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let kept = heading.chars().filter(kept).collect::<String>();
    kept.to_lowercase().replace(' ', "-")
}
