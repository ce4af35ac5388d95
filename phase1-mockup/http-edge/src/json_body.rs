//! A JSON body, or a refusal that names the error in it.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// Extracts `T` from `application/json`; a rejection is a problem of the contract.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(refusal(&rejection)),
        }
    }
}

/// The library's text names the field and the position. It quotes a value only if its type
/// is wrong; a password is a string, as expected, so it is never quoted.
fn refusal(rejection: &JsonRejection) -> Refusal {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Refusal::new(ProblemKind::UnsupportedMediaType)
                .detail("Send JSON with Content-Type: application/json.")
        }
        JsonRejection::BytesRejection(_) => Refusal::new(ProblemKind::MalformedRequest)
            .detail("The JSON body is too large or incomplete."),
        other => Refusal::new(ProblemKind::MalformedRequest).detail(other.body_text()),
    }
}
