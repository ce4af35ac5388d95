//! `Upload-Metadata`: keys, and values in base64.

use crate::error::Error;
use crate::tus::headers::malformed;
use api_contract::uploads::headers::UPLOAD_METADATA;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;

/// The keys that this server uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) content_type: Option<String>,
}

impl Metadata {
    /// Parses the header. Keys are unique; unknown ones are ignored.
    pub(super) fn parse(header: &str) -> Result<Self, Error> {
        let (mut metadata, mut keys) = (Self::default(), HashSet::new());
        let pairs = header.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            let bytes = STANDARD.decode(value.trim());
            let bytes = bytes.map_err(|_no_base64| malformed(UPLOAD_METADATA))?;
            if !keys.insert(key) {
                return Err(malformed(UPLOAD_METADATA));
            }
            let value = String::from_utf8_lossy(&bytes).into_owned();
            match key {
                "filename" => metadata.name = value,
                "filetype" => {
                    metadata.content_type = Some(value).filter(|v| !v.is_empty());
                }
                _ => {}
            }
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(header: &str) -> Option<(String, Option<String>)> {
        let metadata = Metadata::parse(header).ok()?;
        Some((metadata.name, metadata.content_type))
    }

    #[test]
    fn metadata_ignores_unknown_keys() {
        let header =
            "is_confidential,filename R3LDtsOfZS5wZGY=, filetype dGV4dC9wbGFpbg==";
        let expected = ("Größe.pdf".to_owned(), Some("text/plain".to_owned()));
        assert_eq!(parsed(header), Some(expected));
        assert_eq!(parsed(""), Some((String::new(), None)));
    }

    #[test]
    fn malformed_metadata_is_refused() {
        assert_eq!(parsed("filename not/base64!"), None);
        assert_eq!(parsed("filename YQ==, filename Yg=="), None);
    }
}
