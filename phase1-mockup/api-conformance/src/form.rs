//! Multipart forms, written by hand so that a check can also write a wrong one.

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use reqwest::{Body, RequestBuilder};
use std::convert::Infallible;
use std::fmt::Write as _;

/// A piece of a body that is sent without announcing its length.
const CHUNK: usize = 64 * 1024;

/// A file as a client has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// What the client calls it.
    pub name: String,
    /// What the client says it is.
    pub content_type: String,
    /// What it holds.
    pub bytes: Bytes,
}

impl Upload {
    /// A file of no particular type.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            content_type: "application/octet-stream".to_owned(),
            bytes: bytes.into(),
        }
    }

    /// A file of a given size in which every 251 bytes repeat: a prime, so that no block
    /// that a server reads or sends ever looks like the next one.
    #[must_use]
    pub fn of_size(name: &str, size: usize) -> Self {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        Self::new(name, bytes)
    }
}

/// A form on its way (RFC 7578).
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    body: Vec<u8>,
    announce_length: bool,
}

impl Form {
    /// A form that is ended but empty.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            boundary: format!("lab-{}", uuid::Uuid::new_v4().simple()),
            body: Vec::new(),
            announce_length: true,
        }
    }

    /// What an upload needs: one part, named `file`.
    #[must_use]
    pub fn of(file: &Upload) -> Self {
        Self::empty().file("file", file)
    }

    /// Adds a file. Its name goes in as it is, except that quotes are escaped: a name
    /// with a line break in it writes a header of its own, as a hostile client's would.
    #[must_use]
    pub fn file(self, part: &str, file: &Upload) -> Self {
        let name = file.name.replace('"', "\\\"");
        let headers = format!(
            "Content-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n\
             Content-Type: {}",
            file.content_type
        );
        self.part(&headers, &file.bytes)
    }

    /// Adds a text field.
    #[must_use]
    pub fn field(self, name: &str, text: &str) -> Self {
        let headers = format!("Content-Disposition: form-data; name=\"{name}\"");
        self.part(&headers, text.as_bytes())
    }

    /// Sends the length as the bytes come (chunked), not before them.
    #[must_use]
    pub const fn without_length(mut self) -> Self {
        self.announce_length = false;
        self
    }

    /// The form's media type, boundary included.
    #[must_use]
    pub fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The form as it stands in the request's body.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = self.unended_body();
        let end = format!("--{}--\r\n", self.boundary);
        body.extend_from_slice(end.as_bytes());
        body
    }

    /// The same, broken off before its last boundary.
    #[must_use]
    pub fn unended_body(&self) -> Vec<u8> {
        self.body.clone()
    }

    /// Puts it on a request.
    pub fn put_on(self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(CONTENT_TYPE, self.media_type());
        let body = Bytes::from(self.body());
        if self.announce_length {
            return request.body(body);
        }
        let size = body.len();
        let chunks = (0..size)
            .step_by(CHUNK)
            .map(move |at| Ok::<_, Infallible>(body.slice(at..size.min(at + CHUNK))));
        request.body(Body::wrap_stream(stream::iter(chunks)))
    }

    /// Adds a part with any headers.
    #[must_use]
    pub fn part(mut self, headers: &str, content: &[u8]) -> Self {
        let mut head = String::new();
        write!(head, "--{}\r\n{headers}\r\n\r\n", self.boundary)
            .expect("writing to a string cannot fail");
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(content);
        self.body.extend_from_slice(b"\r\n");
        self
    }
}
