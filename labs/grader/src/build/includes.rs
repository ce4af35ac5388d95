//! Finds the paths of other files in a source, by its words. It is used only for a source that
//! does not compile: the compiler may stop before it lists the files that it read.

/// A file that a source names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Include {
    /// A literal path, relative to the folder of the source.
    Path(String),
    /// A path that only the compiler can compute.
    Computed,
}

/// The macros that read a file.
const MACROS: [&str; 3] = ["include", "include_str", "include_bytes"];

/// The includes and path attributes of a source.
pub(super) fn includes(source: &str) -> impl Iterator<Item = Include> {
    words(source).filter_map(|(before, word, after)| {
        if word == "path" {
            let value = after.trim_start().strip_prefix('=')?;
            return is_in_attribute(before).then(|| literal(value));
        }
        if !MACROS.contains(&word) {
            return None;
        }
        let Some(called) = after.trim_start().strip_prefix('!') else {
            return may_be_called_elsewhere(before, word, after)
                .then_some(Include::Computed);
        };
        Some(literal(called.trim_start().trim_start_matches(['(', '[', '{'])))
    })
}

/// Whether a macro that is not called here may be called under another name, or by another
/// macro that gets it as an argument. The word "include" is in many comments, and counts only
/// as a part of a path, as an argument, or with a new name.
fn may_be_called_elsewhere(before: &str, word: &str, after: &str) -> bool {
    let (before, after) = (before.trim_end(), after.trim_start());
    let is_listed = before.ends_with(['(', ',', '[', '{']);
    let is_argument = is_listed && after.starts_with([')', ',', ']', '}']);
    let is_in_path = before.ends_with("::") || before.ends_with("r#");
    let has_new_name = after
        .strip_prefix("as")
        .is_some_and(|rest| rest.starts_with(char::is_whitespace));
    let is_renamed = has_new_name && (is_listed || before.ends_with("use"));
    word != "include" || is_argument || is_in_path || is_renamed
}

/// Whether the end of a text is inside an attribute.
fn is_in_attribute(before: &str) -> bool {
    let open =
        before.rfind('[').filter(|open| before.rfind(']').is_none_or(|at| at < *open));
    open.is_some_and(|open| {
        before[..open].trim_end().trim_end_matches('!').ends_with('#')
    })
}

/// A string literal at the beginning of a text. With an escape it counts as computed.
fn literal(text: &str) -> Include {
    let text = text.trim_start();
    let rest = text.strip_prefix('"').or_else(|| text.strip_prefix("r\""));
    match rest.and_then(|rest| rest.split_once('"')) {
        Some((path, _)) if !path.contains('\\') => Include::Path(path.to_owned()),
        _ => Include::Computed,
    }
}

/// Each word of a text, with the text before and after it.
fn words(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + text[end..].find(is_word)?;
        end = text[start..].find(|c| !is_word(c)).map_or(text.len(), |at| start + at);
        Some((&text[..start], &text[start..end], &text[end..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_and_path_attributes_are_found() {
        let path = |path: &str| vec![Include::Path(path.to_owned())];
        let computed = || vec![Include::Computed];
        for (source, expected) in [
            (r#"include!("/etc/hostname");"#, path("/etc/hostname")),
            (r#"const A: &str = include_str ! [ r"a b" ];"#, path("a b")),
            (r#"#[path = "../x.rs"] mod x;"#, path("../x.rs")),
            (r#"#[cfg_attr(all(), path="x.rs")] mod x;"#, path("x.rs")),
            (r#"include_bytes!(concat!("/etc", "/hostname"))"#, computed()),
            (r#"include!("\x2fetc")"#, computed()),
            (r#"m!(include_str, "/etc/hostname");"#, computed()),
            (r#"use std::include_str as r; r!("/etc/hostname")"#, computed()),
            (r#"use core::{include as r}; r!("/etc/hostname")"#, computed()),
            (r#"use include as r; r!("/etc/hostname")"#, computed()),
            (r#"use std::r#include as r; r!("/etc/hostname")"#, computed()),
            (r#"include_bytes /* */ !("/etc/hostname")"#, computed()),
            ("// may include, as here, or include as much", vec![]),
            ("// include the path = of this", vec![]),
            ("format!(\"{path}\", path = x())", vec![]),
            ("let path = x; fn include(path: u8) {}", vec![]),
        ] {
            assert_eq!(includes(source).collect::<Vec<_>>(), expected, "{source}");
        }
    }
}
