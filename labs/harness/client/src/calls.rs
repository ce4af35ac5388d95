//! The calls of the contract, one client method each.

use crate::call_result::{self, CallResult};
use crate::client::Client;
use crate::credential::Credential;
use crate::form::{Form, Upload};
use api_contract::files::{FileCreated, FileList, FileWithContent, ListQuery};
use api_contract::headers::IDEMPOTENCY_KEY;
use api_contract::secret::Secret;
use api_contract::sessions::{SessionStarted, SessionView};
use api_contract::tokens::{RefreshRequest, RevokeRequest, TokenIssued};
use api_contract::uploads::{PendingUploads, UploadComplete, UploadStart, UploadStarted};
use api_contract::{LoginRequest, Message, paths};
use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderName, Method};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;

/// Sessions and tokens.
impl Client {
    /// `POST /api/session/start`
    pub async fn log_in_session(
        &self,
        given: &LoginRequest,
    ) -> CallResult<SessionStarted> {
        self.json(self.request(Method::POST, paths::SESSION_START).json(given)).await
    }

    /// `GET /api/session`
    pub async fn session_view(&self, credential: &Credential) -> CallResult<SessionView> {
        self.json(self.authenticated(credential, Method::GET, paths::SESSION)).await
    }

    /// `POST /api/session/end`
    pub async fn end_session(&self, credential: &Credential) -> CallResult<Message> {
        self.json(self.authenticated(credential, Method::POST, paths::SESSION_END)).await
    }

    /// `POST /api/token`
    pub async fn token(&self, given: &LoginRequest) -> CallResult<TokenIssued> {
        self.json(self.request(Method::POST, paths::TOKEN).json(given)).await
    }

    /// `POST /api/token/refresh`
    pub async fn refresh(&self, refresh_token: &Secret) -> CallResult<TokenIssued> {
        let body = RefreshRequest { refresh_token: refresh_token.clone() };
        let request = self.request(Method::POST, paths::TOKEN_REFRESH).json(&body);
        self.json(request).await
    }

    /// `POST /api/token/revoke`
    pub async fn revoke(&self, token: &Secret) -> CallResult<Message> {
        let body = RevokeRequest { token: token.clone() };
        self.json(self.request(Method::POST, paths::TOKEN_REVOKE).json(&body)).await
    }
}

/// Uploads to a presigned URL.
impl Client {
    /// `POST /api/uploads/start`
    pub async fn start_upload(
        &self,
        credential: &Credential,
        file: &UploadStart,
    ) -> CallResult<UploadStarted> {
        let request = self.authenticated(credential, Method::POST, paths::UPLOADS_START);
        self.json(request.json(file)).await
    }

    /// `POST /api/uploads/complete`
    pub async fn complete_upload(
        &self,
        credential: &Credential,
        upload_id: &str,
    ) -> CallResult<FileCreated> {
        let body = UploadComplete { upload_id: upload_id.to_owned() };
        let request =
            self.authenticated(credential, Method::POST, paths::UPLOADS_COMPLETE);
        self.json(request.json(&body)).await
    }

    /// `GET /api/uploads`
    pub async fn pending_uploads(
        &self,
        credential: &Credential,
    ) -> CallResult<PendingUploads> {
        self.json(self.authenticated(credential, Method::GET, paths::UPLOADS)).await
    }
}

/// Files.
impl Client {
    /// `POST /api/upload`
    pub async fn upload(
        &self,
        credential: &Credential,
        file: &Upload,
    ) -> CallResult<FileCreated> {
        self.upload_form(credential, Form::of(file)).await
    }

    /// `POST /api/upload` with an `Idempotency-Key`: a retry has no further effect.
    pub async fn upload_with_key(
        &self,
        credential: &Credential,
        file: &Upload,
        key: &str,
    ) -> CallResult<FileCreated> {
        let request = self.authenticated(credential, Method::POST, paths::UPLOAD);
        let request = request.header(IDEMPOTENCY_KEY, key);
        self.json(Form::of(file).apply_to(request)).await
    }

    /// `POST /api/upload` with any form, including invalid ones.
    pub async fn upload_form(
        &self,
        credential: &Credential,
        form: Form,
    ) -> CallResult<FileCreated> {
        self.json(form.apply_to(self.authenticated(
            credential,
            Method::POST,
            paths::UPLOAD,
        )))
        .await
    }

    /// `GET /api/files`
    pub async fn list(
        &self,
        credential: &Credential,
        page: &ListQuery,
    ) -> CallResult<FileList> {
        self.json(self.authenticated(credential, Method::GET, paths::FILES).query(page))
            .await
    }

    /// `GET /api/files/{file_id}`
    pub async fn file_json(
        &self,
        credential: &Credential,
        id: &str,
    ) -> CallResult<FileWithContent> {
        self.json(self.authenticated(credential, Method::GET, &paths::file(id))).await
    }

    /// `GET /api/files/{file_id}/content`
    pub async fn content(&self, credential: &Credential, id: &str) -> CallResult<Bytes> {
        self.content_if(credential, id, &[]).await
    }

    /// `GET /api/files/{file_id}/content` with a range such as `bytes=0-99`.
    pub async fn content_range(
        &self,
        credential: &Credential,
        id: &str,
        range: &str,
    ) -> CallResult<Bytes> {
        self.content_if(credential, id, &[(RANGE, range)]).await
    }

    /// `GET /api/files/{file_id}/content` with any conditions.
    pub async fn content_if(
        &self,
        credential: &Credential,
        id: &str,
        conditions: &[(HeaderName, &str)],
    ) -> CallResult<Bytes> {
        let request =
            self.authenticated(credential, Method::GET, &paths::file_content(id));
        let request = conditions
            .iter()
            .fold(request, |request, (name, value)| request.header(name, *value));
        call_result::bytes(self.send(request).await)
    }

    /// `DELETE /api/files/{file_id}`
    pub async fn delete(&self, credential: &Credential, id: &str) -> CallResult<Message> {
        self.json(self.authenticated(credential, Method::DELETE, &paths::file(id))).await
    }
}

impl Client {
    /// Starts a request with a credential.
    pub fn authenticated(
        &self,
        credential: &Credential,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        credential.apply_to(self.request(method, path))
    }

    /// Sends a request with a JSON reply.
    pub async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> CallResult<T> {
        call_result::json(self.send(request).await)
    }
}
