//! The media type that a client declares for its file. It is only shown in listings; the bytes
//! are always served as a download.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;

/// Bytes that a media type may have. Every listing contains it, and no quota counts it.
const MAX_BYTES: usize = 255;

/// The declared media type; `application/octet-stream` if the client declares none.
///
/// # Errors
/// When it is empty, too long, or not printable ASCII.
pub fn declared(media_type: Option<&str>) -> Result<String, Refusal> {
    let media_type = media_type.unwrap_or("application/octet-stream");
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    if (1..=MAX_BYTES).contains(&media_type.len()) && media_type.bytes().all(is_plain) {
        return Ok(media_type.to_owned());
    }
    Err(Refusal::new(ProblemKind::MalformedRequest).detail(format!(
        "Use a content type of 1 to {MAX_BYTES} printable ASCII characters."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_printable_media_types_are_accepted() {
        assert_eq!(declared(None).unwrap(), "application/octet-stream");
        let longest = format!("text/{}", "x".repeat(MAX_BYTES - 5));
        for accepted in ["text/plain", "text/plain; charset=utf-8", &longest] {
            assert_eq!(declared(Some(accepted)).unwrap(), accepted);
        }
        for refused in ["", "text/\u{e9}", "text/a\tb", &format!("{longest}x")] {
            assert!(declared(Some(refused)).is_err(), "{refused}");
        }
    }
}
