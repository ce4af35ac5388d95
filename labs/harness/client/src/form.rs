//! Multipart forms, built by hand so that checks can also send invalid ones.

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_TYPE;
use reqwest::{Body, RequestBuilder};
use std::convert::Infallible;
use std::fmt::Write as _;

/// The size of a chunk in bytes, for bodies without `Content-Length`.
const CHUNK_SIZE: usize = 64 * 1024;

/// A file of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The file name that the client sends.
    pub name: String,
    /// The declared media type.
    pub content_type: String,
    /// The content.
    pub bytes: Bytes,
}

impl Upload {
    /// A file with the generic media type.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            content_type: "application/octet-stream".to_owned(),
            bytes: bytes.into(),
        }
    }

    /// A file of a given size with a pattern of 251 bytes. This is a prime, so that no two
    /// successive blocks of a server are equal.
    #[must_use]
    pub fn of_size(name: &str, size: usize) -> Self {
        let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
        Self::new(name, bytes)
    }
}

/// A multipart form (RFC 7578).
#[derive(Clone, Debug)]
pub struct Form {
    boundary: String,
    body: Vec<u8>,
    has_length: bool,
}

impl Form {
    /// A form without parts.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            boundary: format!("lab-{}", uuid::Uuid::new_v4().simple()),
            body: Vec::new(),
            has_length: true,
        }
    }

    /// A form with one part, named `file`.
    #[must_use]
    pub fn of(file: &Upload) -> Self {
        Self::empty().file("file", file)
    }

    /// Adds a file. Only quotes in its name are escaped, so a name with a line break adds a
    /// header, as a hostile client could do.
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

    /// Sends the body with chunked transfer encoding, without `Content-Length`.
    #[must_use]
    pub const fn without_length(mut self) -> Self {
        self.has_length = false;
        self
    }

    /// The media type with the boundary.
    #[must_use]
    pub fn media_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The encoded form.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = self.truncated_body();
        let final_boundary = format!("--{}--\r\n", self.boundary);
        body.extend_from_slice(final_boundary.as_bytes());
        body
    }

    /// The encoded form without its final boundary.
    #[must_use]
    pub fn truncated_body(&self) -> Vec<u8> {
        self.body.clone()
    }

    /// Sets the body of a request.
    pub fn apply_to(self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(CONTENT_TYPE, self.media_type());
        let body = Bytes::from(self.body());
        if self.has_length {
            return request.body(body);
        }
        let size = body.len();
        let chunks = (0..size).step_by(CHUNK_SIZE).map(move |at| {
            Ok::<_, Infallible>(body.slice(at..size.min(at + CHUNK_SIZE)))
        });
        request.body(Body::wrap_stream(stream::iter(chunks)))
    }

    /// Adds a part with arbitrary headers.
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
