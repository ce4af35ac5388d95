//! Resumable uploads in chunks (tus 1.0). The protocol uses headers and no JSON, so each step
//! is a request to be sent with [`Client::send`], and its reply is read from the headers.

use crate::call_result::Reply;
use crate::client::Client;
use crate::credential::Credential;
use api_contract::paths;
use api_contract::uploads::{TUS_MEDIA_TYPE, TUS_VERSION, headers};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{CONTENT_TYPE, LOCATION};
use reqwest::RequestBuilder;

impl Client {
    /// A request of the protocol, with any method.
    pub fn tus(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        let request = self.authenticated(credential, method, path);
        request.header(headers::TUS_RESUMABLE, TUS_VERSION)
    }

    /// `POST /api/tus`: creates an upload of `size` bytes without bytes.
    pub fn tus_creation(
        &self,
        credential: &Credential,
        name: &str,
        size: usize,
    ) -> RequestBuilder {
        let metadata = format!("filename {}", STANDARD.encode(name));
        self.tus(credential, Method::POST, paths::TUS)
            .header(headers::UPLOAD_LENGTH, size)
            .header(headers::UPLOAD_METADATA, metadata)
    }

    /// `PATCH`: the bytes from `offset`, which the caller adds as the body.
    pub fn tus_chunk(
        &self,
        credential: &Credential,
        path: &str,
        offset: usize,
    ) -> RequestBuilder {
        self.tus(credential, Method::PATCH, path)
            .header(CONTENT_TYPE, TUS_MEDIA_TYPE)
            .header(headers::UPLOAD_OFFSET, offset)
    }

    /// `HEAD`: asks for the offset.
    pub fn tus_offset(&self, credential: &Credential, path: &str) -> RequestBuilder {
        self.tus(credential, Method::HEAD, path)
    }

    /// The path of a created upload, from the reply to [`Client::tus_creation`]. `Location`
    /// may be a whole URL or a path of this server.
    #[must_use]
    pub fn tus_path<T>(&self, created: &Reply<T>) -> Option<String> {
        let location = created.header(LOCATION)?;
        Some(location.trim_start_matches(self.base_url()).to_owned())
    }
}

impl<T> Reply<T> {
    /// The number of bytes of an upload that the server has stored.
    #[must_use]
    pub fn tus_offset(&self) -> Option<usize> {
        self.header(headers::UPLOAD_OFFSET)?.parse().ok()
    }

    /// The id of the file that a completed upload became.
    #[must_use]
    pub fn tus_file_id(&self) -> Option<&str> {
        self.header(headers::FILE_ID)
    }
}
