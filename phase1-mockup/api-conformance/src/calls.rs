//! The calls of the contract, one client method each.

use crate::client::Client;
use crate::form::{Form, Upload};
use crate::outcome::{self, Outcome};
use crate::proof::Proof;
use api_contract::files::{FileCreated, FileList, FileWithContent, ListQuery};
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::TokenIssued;
use api_contract::{Credentials, Message, paths};
use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderName, Method};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;

/// Logging in and out.
impl Client {
    /// `POST /api/session/start`
    pub async fn log_in_session(&self, given: &Credentials) -> Outcome<SessionStarted> {
        self.json(self.request(Method::POST, paths::SESSION_START).json(given)).await
    }

    /// `GET /api/session`
    pub async fn session_view(&self, proof: &Proof) -> Outcome<SessionView> {
        self.json(self.proven(proof, Method::GET, paths::SESSION)).await
    }

    /// `POST /api/session/end`
    pub async fn end_session(&self, proof: &Proof) -> Outcome<Message> {
        self.json(self.proven(proof, Method::POST, paths::SESSION_END)).await
    }

    /// `POST /api/token`
    pub async fn token(&self, given: &Credentials) -> Outcome<TokenIssued> {
        self.json(self.request(Method::POST, paths::TOKEN).json(given)).await
    }
}

/// Files.
impl Client {
    /// `POST /api/upload`
    pub async fn upload(&self, proof: &Proof, file: &Upload) -> Outcome<FileCreated> {
        self.upload_form(proof, Form::of(file)).await
    }

    /// `POST /api/upload` with an `Idempotency-Key`: a retry has no further effect.
    pub async fn upload_with_key(
        &self,
        proof: &Proof,
        file: &Upload,
        key: &str,
    ) -> Outcome<FileCreated> {
        let request = self.proven(proof, Method::POST, paths::UPLOAD);
        let request = request.header(IDEMPOTENCY_KEY, key);
        self.json(Form::of(file).put_on(request)).await
    }

    /// `POST /api/upload` with any form, including invalid ones.
    pub async fn upload_form(&self, proof: &Proof, form: Form) -> Outcome<FileCreated> {
        self.json(form.put_on(self.proven(proof, Method::POST, paths::UPLOAD))).await
    }

    /// `GET /api/files`
    pub async fn list(&self, proof: &Proof, page: &ListQuery) -> Outcome<FileList> {
        self.json(self.proven(proof, Method::GET, paths::FILES).query(page)).await
    }

    /// `GET /api/files/{file_id}`
    pub async fn file_json(&self, proof: &Proof, id: &str) -> Outcome<FileWithContent> {
        self.json(self.proven(proof, Method::GET, &paths::file(id))).await
    }

    /// `GET /api/files/{file_id}/content`
    pub async fn content(&self, proof: &Proof, id: &str) -> Outcome<Bytes> {
        self.content_if(proof, id, &[]).await
    }

    /// `GET /api/files/{file_id}/content` with a range such as `bytes=0-99`.
    pub async fn content_range(
        &self,
        proof: &Proof,
        id: &str,
        range: &str,
    ) -> Outcome<Bytes> {
        self.content_if(proof, id, &[(RANGE, range)]).await
    }

    /// `GET /api/files/{file_id}/content` with any conditions.
    pub async fn content_if(
        &self,
        proof: &Proof,
        id: &str,
        conditions: &[(HeaderName, &str)],
    ) -> Outcome<Bytes> {
        let request = self.proven(proof, Method::GET, &paths::file_content(id));
        let request = conditions
            .iter()
            .fold(request, |request, (name, value)| request.header(name, *value));
        outcome::bytes(self.send(request).await)
    }

    /// `DELETE /api/files/{file_id}`
    pub async fn delete(&self, proof: &Proof, id: &str) -> Outcome<Message> {
        self.json(self.proven(proof, Method::DELETE, &paths::file(id))).await
    }
}

impl Client {
    /// Starts a request with a credential.
    pub fn proven(&self, proof: &Proof, method: Method, path: &str) -> RequestBuilder {
        proof.put_on(self.request(method, path))
    }

    /// Sends a request with a JSON reply.
    pub async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Outcome<T> {
        outcome::json(self.send(request).await)
    }
}
