//! The log line and the metrics of a request. Both are also written when the client
//! disconnects before the response.

use crate::backends::Backend;
use crate::metrics::Metrics;
use http::{Method, Request, StatusCode};
use http_edge::http_metrics::RequestTimer;
use http_edge::request_id::RequestId;
use std::sync::Arc;

/// A request on its way. Dropped, it writes the log line.
pub(crate) struct RequestLog<'a> {
    method: Method,
    /// Without the query, which may hold a secret.
    path: String,
    id: RequestId,
    backend: Option<Arc<Backend>>,
    timer: RequestTimer<'a>,
}

impl<'a> RequestLog<'a> {
    /// Begins with the head of a request.
    pub(crate) fn begin<B>(
        metrics: &'a Metrics,
        request: &Request<B>,
        id: RequestId,
    ) -> Self {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let timer = metrics.http.begin(&method, &path);
        Self { method, path, id, backend: None, timer }
    }

    /// Names the backend that has the request.
    pub(crate) fn set_backend(&mut self, backend: Option<&Arc<Backend>>) {
        self.backend = backend.cloned();
    }

    /// Names the status of the response.
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.timer.set_status(status);
    }
}

impl Drop for RequestLog<'_> {
    fn drop(&mut self) {
        let Self { method, path, id, backend, timer } = self;
        let (status, ms) = (timer.status(), timer.elapsed().as_millis());
        let backend = backend.as_ref().map_or("-", |backend| backend.id());
        let request_id = id.as_str();
        let message = if status.is_some() { "request" } else { "client disconnected" };
        tracing::info!(%method, path, status, backend, ms, request_id, "{message}");
    }
}
