//! Comparison of texts without the differences that editors and Git make: line ends, a byte
//! order mark, blanks at the end of a line, empty lines at the end.

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A text whose lines end with `\n`, as the repository has them.
pub(crate) fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Whether two files have the same text.
#[must_use]
pub fn is_same_text(one: &[u8], other: &[u8]) -> bool {
    one == other || normal(one) == normal(other)
}

/// The text without a byte order mark and without white space.
pub(crate) fn without_white_space(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

/// The text with `\n` as line end, without a byte order mark and without trailing blanks.
fn normal(text: &[u8]) -> Vec<u8> {
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let mut normal = Vec::with_capacity(text.len());
    for line in lines(text) {
        normal.extend_from_slice(line.trim_ascii_end());
        normal.push(b'\n');
    }
    normal.truncate(normal.trim_ascii_end().len());
    normal
}

/// The lines of a text. A line ends with `\n`, `\r\n` or `\r`; the second makes an additional
/// empty line of a lone `\r` only.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').flat_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.split(|byte| *byte == b'\r')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_differ_in_more_than_line_ends_and_trailing_blanks() {
        let text = b"fn a() {\n    b();\n}\n";
        let same: [&[u8]; 5] = [
            b"fn a() {\r\n    b();\r\n}\r\n",
            b"fn a() {\r    b();\r}\r",
            b"\xef\xbb\xbffn a() {\n    b();\n}\n",
            b"fn a() {  \n    b();\t\n}",
            b"fn a() {\n    b();\n}\n\n\n",
        ];
        for other in same {
            assert!(is_same_text(text, other), "{other:?}");
        }
        let different: [&[u8]; 3] = [
            b"fn a() {\n    c();\n}\n",
            b"fn a() {\n\n    b();\n}\n",
            b"fn a() {\nb();\n}\n",
        ];
        for other in different {
            assert!(!is_same_text(text, other), "{other:?}");
        }
    }
}
