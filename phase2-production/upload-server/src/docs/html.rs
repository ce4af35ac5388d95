//! Escapes text for HTML.

/// Text without markup (OWASP Cross Site Scripting Prevention, rule 1).
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

/// The same, with `` `code` `` as a code element.
pub(super) fn prose(text: &str) -> String {
    let mut parts = text.split('`');
    let mut html = escaped(parts.next().unwrap_or_default());
    while let Some(code) = parts.next() {
        html.push_str(&format!("<code>{}</code>", escaped(code)));
        html.push_str(&escaped(parts.next().unwrap_or_default()));
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_code_is_marked_up() {
        assert_eq!(
            escaped(r#"<img src="x" o='&'>"#),
            "&lt;img src=&quot;x&quot; o=&#39;&amp;&#39;&gt;"
        );
        assert_eq!(prose("a `<b>` c"), "a <code>&lt;b&gt;</code> c");
        assert_eq!(prose("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(prose("no end `here"), "no end <code>here</code>");
    }
}
