//! Credentials in the query string. They are refused, because URLs end up in logs and browser
//! histories (OWASP ASVS 14.2.1).

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use http::Uri;
use percent_encoding::percent_decode_str;

/// The names of parameters with a credential. RFC 6750 §2.3 defines `access_token`.
const NAMES: [&str; 5] =
    ["username", "password", "access_token", "refresh_token", "token"];

/// Refuses the credentials that no call takes from a query.
pub(crate) fn check(uri: &Uri) -> Result<(), Refusal> {
    refuse(uri, &NAMES)
}

/// Refuses a query with a parameter of one of these names, in any encoding.
///
/// # Errors
/// When it has one.
pub fn refuse(uri: &Uri, names: &[&str]) -> Result<(), Refusal> {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let has_credentials = pairs.any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name).decode_utf8_lossy();
        names.contains(&&*name)
    });
    match has_credentials {
        true => Err(Refusal::new(ProblemKind::CredentialsInQuery)
            .detail("Send them in a header or in the body: URLs end up in logs.")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_in_any_encoding() {
        for refused in [
            "username=a",
            "x=1&password=p",
            "user%6eame=a&pass%77ord=p",
            "access%5ftoken",
            "&&password",
        ] {
            let uri: Uri = format!("/api/files?{refused}").parse().unwrap();
            assert!(check(&uri).is_err(), "{refused}");
        }
        for accepted in ["", "?", "?limit=1&cursor=username", "?usernames=a", "?%ff=1"] {
            let uri: Uri = format!("/api/files{accepted}").parse().unwrap();
            assert!(check(&uri).is_ok(), "{accepted}");
        }
    }
}
