//! A signed URL: permission to write the bytes of one upload, for a limited time.
//!
//! Any replica can sign one and any other can verify it, because they share a secret. The
//! signature is verified before any lookup.

use api_contract::paths;
use api_contract::problem::ProblemKind;
use hmac::{Hmac, KeyInit, Mac};
use records::OrgId;
use records::uploads::Upload;
use serde::Deserialize;
use sha2::Sha256;
use upload_domain::file_id::FileId;
use upload_domain::hex::hex;

/// The query of a signed URL.
#[derive(Deserialize)]
pub(crate) struct SignedQuery {
    organisation: String,
    /// Milliseconds since 1970.
    expires: u64,
    signature: String,
}

/// The path and query for a `PUT` of the upload's bytes until it expires.
pub(crate) fn sign(secret: &[u8], upload: &Upload) -> String {
    let id = upload.upload_id;
    let (organisation, expires) = (&upload.organisation, upload.expires_at);
    let code = code(secret, organisation.as_str(), id, expires);
    let signature = hex(&code.finalize().into_bytes());
    let path = paths::UPLOADS_CONTENT.replace("{upload_id}", &id.to_string());
    format!("{path}?organisation={organisation}&expires={expires}&signature={signature}")
}

/// The upload's organisation, if the URL is genuine and not expired at `now`.
///
/// # Errors
/// With the kind of problem. Only a genuine URL is reported as expired.
pub(crate) fn check(
    secret: &[u8],
    id: FileId,
    signed: &SignedQuery,
    now: u64,
) -> Result<OrgId, ProblemKind> {
    let invalid = ProblemKind::SignatureInvalid;
    let given = bytes_of(&signed.signature).ok_or(invalid)?;
    let code = code(secret, &signed.organisation, id, signed.expires);
    // Constant time: the duration must not depend on the matching bytes.
    code.verify_slice(&given).map_err(|_unequal| invalid)?;
    if signed.expires <= now {
        return Err(ProblemKind::UploadExpired);
    }
    OrgId::parse(&signed.organisation).map_err(|_no_name| invalid)
}

/// Domain separation: the secret signs other things, too.
fn code(secret: &[u8], organisation: &str, id: FileId, expires: u64) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(secret)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    code.update(format!("put upload\n{organisation}\n{id}\n{expires}").as_bytes());
    code
}

fn bytes_of(signature: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = signature
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| d.try_into().ok()))
        .collect();
    let pairs = digits?;
    let pairs = pairs.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"the secret that all replicas share, 32+ bytes";

    fn signed(organisation: &str, expires: u64, signature: &str) -> SignedQuery {
        let (organisation, signature) = (organisation.to_owned(), signature.to_owned());
        SignedQuery { organisation, expires, signature }
    }

    #[test]
    fn signature_is_valid_for_one_upload_until_expiry() {
        let (id, other) = (FileId::new(), FileId::new());
        let good = hex(&code(SECRET, "t1", id, 100).finalize().into_bytes());
        let check = |secret: &[u8], id, query: SignedQuery, now| {
            super::check(secret, id, &query, now).is_ok()
        };
        assert!(check(SECRET, id, signed("t1", 100, &good), 99));
        assert!(!check(SECRET, id, signed("t1", 100, &good), 100));
        let expired = super::check(SECRET, id, &signed("t1", 100, &good), 100);
        assert_eq!(expired, Err(ProblemKind::UploadExpired));
        assert!(!check(SECRET, id, signed("t1", 101, &good), 99));
        assert!(!check(SECRET, id, signed("t2", 100, &good), 99));
        assert!(!check(SECRET, other, signed("t1", 100, &good), 99));
        assert!(!check(b"another secret", id, signed("t1", 100, &good), 99));
        for bad in ["", "zz", &good[..62], &good[..63], &format!("{good}00")] {
            assert!(!check(SECRET, id, signed("t1", 100, bad), 99), "{bad}");
        }
    }
}
