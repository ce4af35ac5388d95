//! Alternative encodings of a valid token.

use super::*;

/// Another spelling would bypass the revocation of a token.
#[test]
fn noncanonical_base64_is_refused() {
    for ours in both_algorithms() {
        let token = signed(ours, &good_header(ours), &good_claims());
        assert!(checked(ours, &token).is_ok());
        let parts: Vec<&str> = token.split('.').collect();
        for which in 0..3 {
            let mut padded: Vec<String> =
                parts.iter().map(|&part| part.to_owned()).collect();
            padded[which].push('=');
            assert!(checked(ours, &padded.join(".")).is_err(), "padding in {which}");
            for spare in spare_bits(parts[which]) {
                padded[which] = spare;
                assert!(
                    checked(ours, &padded.join(".")).is_err(),
                    "spare bits in {which}"
                );
            }
        }
        for odd in [format!(" {token}"), format!("{token}\n"), token.replace('-', "+")] {
            assert!(odd == token || checked(ours, &odd).is_err());
        }
    }
}

/// Other texts that a lenient decoder maps to the same bytes.
fn spare_bits(part: &str) -> Vec<String> {
    const ALPHABET: &[u8] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match part.len() % 4 {
        2 => 15,
        3 => 3,
        _ => return Vec::new(),
    };
    let (rest, last) = part.split_at(part.len() - 1);
    let value = ALPHABET.iter().position(|&one| one == last.as_bytes()[0]).unwrap();
    (1..=spare)
        .map(|bits| format!("{rest}{}", char::from(ALPHABET[value ^ bits])))
        .collect()
}

#[test]
fn malformed_tokens_are_refused_without_panic() {
    let ours = &*EDDSA;
    let good = signed(ours, &good_header(ours), &good_claims());
    let header = good_header(ours).to_string();
    let twice = good_claims().to_string().replacen('{', "{\"sub\":\"root\",", 1);
    let no_text = [b"{\"sub\":\"\xff\"}".as_slice(), b"[]", b"", b"null"];
    let mut bad: Vec<String> =
        (0..good.len()).map(|end| good[..end].to_owned()).collect();
    bad.extend([
        format!("{good}.x"),
        format!("{good}.."),
        "....".to_owned(),
        "a".repeat(100_000),
        format!("{good}{}", "A".repeat(100_000)),
        signed_text(ours, &header, &twice),
        signed_text(ours, &header.replacen('{', "{\"alg\":\"HS256\",", 1), "{}"),
    ]);
    bad.extend(no_text.iter().map(|claims| {
        let payload = URL_SAFE_NO_PAD.encode(claims);
        format!("{}.{payload}.AAAA", good.split('.').next().unwrap())
    }));
    for token in bad {
        assert!(checked(ours, &token).is_err(), "{:.60}", token);
    }
}
