//! Texts of the OpenAPI document as HTML: escaped, with `` `code` `` as a code element.

use maud::{Markup, html};

/// A text with its code marked up.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (number, part) in text.split('`').enumerate() {
            @if number % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_code_is_marked_up() {
        let of = |text| prose(text).into_string();
        assert_eq!(
            of(r#"<img src="x" o='&'>"#),
            "&lt;img src=&quot;x&quot; o='&amp;'&gt;"
        );
        assert_eq!(of("a `<b>` c"), "a <code>&lt;b&gt;</code> c");
        assert_eq!(of("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(of("no end `here"), "no end <code>here</code>");
    }
}
