//! `Upload-Checksum`: an algorithm, and a digest in base64.

use crate::error::Error;
use crate::tus::headers::malformed;
use api_contract::problem::ProblemKind;
use api_contract::uploads::TUS_CHECKSUMS;
use api_contract::uploads::headers::UPLOAD_CHECKSUM;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_edge::refusal::Refusal;
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// An expected digest, and the hash of the bytes so far.
pub(super) struct Checksum {
    expected: Vec<u8>,
    sum: Sum,
}

enum Sum {
    Sha256(Sha256),
    /// Detects transmission errors, not attacks; the protocol requires it.
    Sha1(Sha1),
}

impl Checksum {
    pub(super) fn parse(header: &str) -> Result<Self, Error> {
        let (name, digest) =
            header.split_once(' ').ok_or_else(|| malformed(UPLOAD_CHECKSUM))?;
        let expected = STANDARD.decode(digest.trim());
        let expected = expected.map_err(|_no_base64| malformed(UPLOAD_CHECKSUM))?;
        let sum = match name {
            "sha256" => Sum::Sha256(Sha256::new()),
            "sha1" => Sum::Sha1(Sha1::new()),
            _ => {
                return Err(Refusal::new(ProblemKind::MalformedRequest)
                    .detail(format!("Upload-Checksum takes {TUS_CHECKSUMS}."))
                    .into());
            }
        };
        Ok(Self { expected, sum })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Sha256(sum) => sum.update(bytes),
            Sum::Sha1(sum) => sum.update(bytes),
        }
    }

    /// Compares the digest.
    pub(super) fn verify(self) -> Result<(), Error> {
        let sum = match self.sum {
            Sum::Sha256(sum) => sum.finalize().to_vec(),
            Sum::Sha1(sum) => sum.finalize().to_vec(),
        };
        match sum == self.expected {
            true => Ok(()),
            false => Err(Refusal::new(ProblemKind::ChecksumMismatch).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_matches_only_its_bytes() {
        for header in [
            "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        ] {
            for (bytes, same) in [("hello world", true), ("hello worlD", false)] {
                let mut sum = Checksum::parse(header).ok().unwrap();
                sum.update(bytes.as_bytes());
                assert_eq!(sum.verify().is_ok(), same, "{header} of {bytes}");
            }
        }
        for bad in ["sha1", "md5 XrY7u+Ae7tCTyyK7j1rNww==", "sha1 ???"] {
            assert!(Checksum::parse(bad).is_err(), "{bad}");
        }
    }
}
