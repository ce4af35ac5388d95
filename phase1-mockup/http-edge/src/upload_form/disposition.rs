//! The names in a form part's `Content-Disposition` (RFC 7578 §4.2).
//!
//! The parser of the form reads them, too, but it stops at a parameter that it does not know,
//! such as `filename*`, and takes text inside quotes for a parameter.

use http::HeaderMap;
use http::header::CONTENT_DISPOSITION;
use percent_encoding::percent_decode_str;

/// The name of the form part, and the name of its file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Option<String>,
    pub(super) file_name: Option<String>,
}

impl Disposition {
    /// Reads the header. The first parameter of each name counts, and `filename` before
    /// `filename*`. The standard forbids that one in forms, but clients send it alone.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let header = headers.get(CONTENT_DISPOSITION).map(|value| value.as_bytes());
        let header = String::from_utf8_lossy(header.unwrap_or_default());
        let (mut names, mut exact) = (Self::default(), None);
        for (parameter, value) in parameters(&header) {
            match parameter.to_ascii_lowercase().as_str() {
                "name" => names.name = names.name.or(Some(value)),
                "filename" => names.file_name = names.file_name.or(Some(value)),
                "filename*" => exact = exact.or_else(|| decoded(&value)),
                _ => {}
            }
        }
        names.file_name = names.file_name.or(exact);
        names
    }
}

/// All parameters: what follows the first `;`.
fn parameters(header: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = header.split_once(';').map_or("", |(_form_data, rest)| rest);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([';', ' ', '\t']);
        let end = rest.find(['=', ';'])?;
        let (name, after) = rest.split_at(end);
        let after = after.strip_prefix('=').unwrap_or(after).trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (token, after) =
                    after.split_at(after.find(';').unwrap_or(after.len()));
                (token.trim_end().to_owned(), after)
            }
        };
        rest = after;
        Some((name.trim(), value))
    })
}

/// The text up to the closing quote, and the rest. A backslash escapes only a quote: browsers on
/// Windows once sent whole paths.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut end = None;
    for (at, _quote) in quoted.match_indices('"') {
        if !quoted[..at].ends_with('\\') {
            end = Some(at);
            break;
        }
    }
    let end = end.unwrap_or(quoted.len());
    let rest = quoted.get(end + 1..).unwrap_or_default();
    (quoted[..end].replace("\\\"", "\""), rest)
}

/// The value of an extended parameter, `UTF-8'language'text` (RFC 8187 §3.2).
fn decoded(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?;
    let text = parts.nth(1)?;
    charset
        .eq_ignore_ascii_case("utf-8")
        .then(|| percent_decode_str(text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let plain = ("file", Some("a.txt"));
        let cases: [(&str, (&str, Option<&str>)); 16] = [
            ("form-data; name=\"file\"; filename=\"a.txt\"", plain),
            ("form-data; Name=\"file\"; FILENAME=\"a.txt\"", plain),
            ("form-data;name=file;filename=a.txt", plain),
            ("form-data; name = file ; filename = a.txt ", plain),
            ("form-data; filename=\"a.txt\"; name=\"file\"", plain),
            ("form-data; name=\"file\"; filename*=UTF-8''b; filename=\"a.txt\"", plain),
            ("form-data; name=\"file\"; filename=\"a.txt\"; filename*=UTF-8''b", plain),
            ("form-data; name=\"file\"; filename*=utf-8'en'a%2Etxt", plain),
            ("form-data; x; name=\"file\"; filename=\"a.txt\"; name=\"other\"", plain),
            ("form-data; name=\"file\"", ("file", None)),
            ("form-data; name=\"file\"; filename*=latin1''a", ("file", None)),
            ("form-data; name=\"file\"; filename*=a.txt", ("file", None)),
            ("form-data; name=\"file\"; filename=\"\"", ("file", Some(""))),
            ("form-data; name=\"file\"; filename=\"a\\\"b\"", ("file", Some("a\"b"))),
            (
                "form-data; name=\"file\"; filename=\"C:\\dir\\a\"",
                ("file", Some("C:\\dir\\a")),
            ),
            (
                "form-data; filename=\"x; name=y\"; name=\"file\"",
                ("file", Some("x; name=y")),
            ),
        ];
        for (header, (name, file_name)) in cases {
            let value = HeaderValue::from_str(header).unwrap();
            let found =
                Disposition::of(&HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]));
            assert_eq!(found.name.as_deref(), Some(name), "{header}");
            assert_eq!(found.file_name.as_deref(), file_name, "{header}");
        }
    }

    #[test]
    fn broken_header_has_no_names() {
        for header in ["", "form-data", ";", ";;=", "form-data; name", "form-data; =\"x"]
        {
            let value = HeaderValue::from_str(header).unwrap();
            let found =
                Disposition::of(&HeaderMap::from_iter([(CONTENT_DISPOSITION, value)]));
            assert_eq!(found, Disposition::default(), "{header}");
        }
    }
}
