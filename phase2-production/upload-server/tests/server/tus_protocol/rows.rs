//! One row for each point of the specification.

use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, headers as names};
use http::Method;

pub(super) const METHOD_OVERRIDE: &str = "x-http-method-override";

/// A row: a name, the method, the path (`None`: an upload of 10 bytes with 4 received),
/// headers, the body, and the expected status.
pub(super) type Row = (
    &'static str,
    Method,
    Option<&'static str>,
    &'static [(&'static str, &'static str)],
    &'static [u8],
    u16,
);

const VERSION: (&str, &str) = (names::TUS_RESUMABLE, "1.0.0");
const TYPE: (&str, &str) = ("content-type", TUS_MEDIA_TYPE);
const AT_4: (&str, &str) = (names::UPLOAD_OFFSET, "4");
const LENGTH_10: (&str, &str) = (names::UPLOAD_LENGTH, "10");
const PATCH_HEADERS: &[(&str, &str)] = &[VERSION, TYPE, AT_4];
const ROOT: Option<&str> = Some(paths::TUS);
const ROOT_SLASH: Option<&str> = Some("/api/tus/");

pub(super) const ROWS: &[Row] = &[
    // Core: Tus-Resumable on every request except OPTIONS.
    ("a HEAD without version", Method::HEAD, None, &[], b"", 412),
    ("a PATCH without version", Method::PATCH, None, &[TYPE, AT_4], b"x", 412),
    ("a POST without version", Method::POST, ROOT, &[LENGTH_10], b"", 412),
    ("a DELETE without version", Method::DELETE, None, &[], b"", 412),
    ("version 2", Method::HEAD, None, &[(names::TUS_RESUMABLE, "2.0.0")], b"", 412),
    ("OPTIONS without version", Method::OPTIONS, ROOT, &[], b"", 204),
    ("OPTIONS of an upload", Method::OPTIONS, None, &[], b"", 204),
    ("OPTIONS with a slash", Method::OPTIONS, ROOT_SLASH, &[], b"", 204),
    (
        "OPTIONS with another version",
        Method::OPTIONS,
        ROOT,
        &[(names::TUS_RESUMABLE, "9")],
        b"",
        204,
    ),
    // Core: PATCH.
    ("the right offset", Method::PATCH, None, PATCH_HEADERS, b"x", 204),
    ("no bytes", Method::PATCH, None, PATCH_HEADERS, b"", 204),
    ("all other bytes", Method::PATCH, None, PATCH_HEADERS, b"xxxxxx", 204),
    ("one byte too many", Method::PATCH, None, PATCH_HEADERS, b"xxxxxxx", 413),
    (
        "a smaller offset",
        Method::PATCH,
        None,
        &[VERSION, TYPE, (names::UPLOAD_OFFSET, "3")],
        b"x",
        409,
    ),
    (
        "a larger offset",
        Method::PATCH,
        None,
        &[VERSION, TYPE, (names::UPLOAD_OFFSET, "5")],
        b"x",
        409,
    ),
    (
        "a negative offset",
        Method::PATCH,
        None,
        &[VERSION, TYPE, (names::UPLOAD_OFFSET, "-1")],
        b"x",
        400,
    ),
    ("no offset", Method::PATCH, None, &[VERSION, TYPE], b"x", 400),
    ("no media type", Method::PATCH, None, &[VERSION, AT_4], b"x", 415),
    (
        "another media type",
        Method::PATCH,
        None,
        &[VERSION, AT_4, ("content-type", "application/octet-stream")],
        b"x",
        415,
    ),
    (
        "the media type in capitals",
        Method::PATCH,
        None,
        &[VERSION, AT_4, ("content-type", "Application/Offset+OCTET-Stream")],
        b"x",
        204,
    ),
    (
        "the media type with a parameter",
        Method::PATCH,
        None,
        &[VERSION, AT_4, ("content-type", "application/offset+octet-stream; q=1")],
        b"x",
        204,
    ),
    (
        "an unknown upload",
        Method::PATCH,
        Some("/api/tus/01a1fc82-ba13-77d1-bcb1-8abe81e55db5"),
        PATCH_HEADERS,
        b"x",
        404,
    ),
    ("an upload that is no id", Method::HEAD, Some("/api/tus/x"), &[VERSION], b"", 404),
    // Core: X-HTTP-Method-Override replaces the method of the request.
    (
        "an override to PATCH",
        Method::POST,
        None,
        &[VERSION, TYPE, AT_4, (METHOD_OVERRIDE, "PATCH")],
        b"x",
        204,
    ),
    (
        "an override to HEAD",
        Method::POST,
        None,
        &[VERSION, (METHOD_OVERRIDE, "HEAD")],
        b"",
        200,
    ),
    (
        "an override to DELETE",
        Method::POST,
        None,
        &[VERSION, (METHOD_OVERRIDE, "DELETE")],
        b"",
        204,
    ),
    (
        "an override to the same method",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, (METHOD_OVERRIDE, "POST")],
        b"",
        201,
    ),
    (
        "an override to an unsupported method",
        Method::POST,
        None,
        &[VERSION, (METHOD_OVERRIDE, "BREW")],
        b"",
        405,
    ),
    ("POST to an upload", Method::POST, None, &[VERSION], b"", 405),
    // Creation.
    ("a creation", Method::POST, ROOT, &[VERSION, LENGTH_10], b"", 201),
    (
        "a creation with a slash",
        Method::POST,
        ROOT_SLASH,
        &[VERSION, LENGTH_10],
        b"",
        201,
    ),
    (
        "an empty upload",
        Method::POST,
        ROOT,
        &[VERSION, (names::UPLOAD_LENGTH, "0")],
        b"",
        201,
    ),
    ("no length", Method::POST, ROOT, &[VERSION], b"", 400),
    (
        "a length that is no number",
        Method::POST,
        ROOT,
        &[VERSION, (names::UPLOAD_LENGTH, "1e3")],
        b"",
        400,
    ),
    (
        "a length beyond 64 bits",
        Method::POST,
        ROOT,
        &[VERSION, (names::UPLOAD_LENGTH, "99999999999999999999")],
        b"",
        400,
    ),
    (
        "a length beyond Tus-Max-Size",
        Method::POST,
        ROOT,
        &[VERSION, (names::UPLOAD_LENGTH, "99999999999")],
        b"",
        413,
    ),
    // Extensions that OPTIONS does not announce.
    (
        "a deferred length",
        Method::POST,
        ROOT,
        &[VERSION, ("upload-defer-length", "1")],
        b"",
        400,
    ),
    (
        "a deferred length beside a length",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, ("upload-defer-length", "1")],
        b"",
        400,
    ),
    (
        "a partial upload",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, ("upload-concat", "partial")],
        b"",
        400,
    ),
    (
        "a concatenation",
        Method::POST,
        ROOT,
        &[VERSION, ("upload-concat", "final;/api/tus/a /api/tus/b")],
        b"",
        400,
    ),
    // Upload-Metadata: unique keys, values in base64 or none.
    (
        "a key without a value",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, (names::UPLOAD_METADATA, "is_confidential")],
        b"",
        201,
    ),
    (
        "one key twice",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, (names::UPLOAD_METADATA, "a YQ==,a Yg==")],
        b"",
        400,
    ),
    (
        "a value without base64",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, (names::UPLOAD_METADATA, "a ???")],
        b"",
        400,
    ),
    (
        "a pair with two values",
        Method::POST,
        ROOT,
        &[VERSION, LENGTH_10, (names::UPLOAD_METADATA, "a YQ== YQ==")],
        b"",
        400,
    ),
    // Checksum: "x" has the SHA-1 EfatjsUqKYSrqv18O1FlA3hcIHI=.
    (
        "a checksum",
        Method::PATCH,
        None,
        &[
            VERSION,
            TYPE,
            AT_4,
            (names::UPLOAD_CHECKSUM, "sha1 EfatjsUqKYSrqv18O1FlA3hcIHI="),
        ],
        b"x",
        204,
    ),
    (
        "the checksum of other bytes",
        Method::PATCH,
        None,
        &[
            VERSION,
            TYPE,
            AT_4,
            (names::UPLOAD_CHECKSUM, "sha1 EfatjsUqKYSrqv18O1FlA3hcIHI="),
        ],
        b"y",
        460,
    ),
    (
        "an unknown checksum",
        Method::PATCH,
        None,
        &[VERSION, TYPE, AT_4, (names::UPLOAD_CHECKSUM, "md5 nTnWgWZ9SUBj0nUzMqNDdA==")],
        b"x",
        400,
    ),
    // Termination.
    ("a termination", Method::DELETE, None, &[VERSION], b"", 204),
];
