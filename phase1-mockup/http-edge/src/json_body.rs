//! A JSON body of one object, or a refusal that names the error in it.

use crate::causes::has_cause;
use crate::min_rate_body::TooSlow;
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Extracts `T` from `application/json`; a rejection is a problem of the contract. The body is
/// one object: serde's derived types also take an array with the members in order.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::<Object<T>>::from_request(request, state).await {
            Ok(Json(Object(body))) => Ok(Self(body)),
            Err(rejection) => Err(refusal(&rejection)),
        }
    }
}

/// A `T` that is read from an object only.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

/// The library's text names the field and the position.
fn refusal(rejection: &JsonRejection) -> Refusal {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Refusal::new(ProblemKind::UnsupportedMediaType)
                .detail("Send JSON with Content-Type: application/json.")
        }
        JsonRejection::BytesRejection(cause) if has_cause::<TooSlow>(cause) => {
            TooSlow::refusal()
        }
        JsonRejection::BytesRejection(_) => Refusal::new(ProblemKind::MalformedRequest)
            .detail("The JSON body is too large or incomplete."),
        other => Refusal::new(ProblemKind::MalformedRequest)
            .detail(without_value(&other.body_text())),
    }
}

/// Removes the value from a text such as "invalid type: integer `1`, expected a string". It may
/// be a password that was sent as a number, or as the whole body.
fn without_value(text: &str) -> String {
    let value = ["invalid type: ", "invalid value: ", "unknown variant "]
        .iter()
        .filter_map(|begin| Some(text.find(begin)? + begin.len()))
        .min();
    match (value, text.rfind(", expected ")) {
        (Some(value), Some(expected)) if value <= expected => {
            format!("{}a wrong one{}", &text[..value], &text[expected..])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::min_rate_body::MinRateBody;
    use axum::body::{Body, Bytes};
    use futures_util::stream;
    use http::Request;
    use http::header::{CONNECTION, CONTENT_TYPE};
    use std::io;

    #[tokio::test(start_paused = true)]
    async fn stalled_json_returns_408_and_closes() {
        let silent = Body::from_stream(stream::pending::<io::Result<Bytes>>());
        let request = Request::post("/")
            .header(CONTENT_TYPE, "application/json")
            .body(Body::new(MinRateBody::new(silent)))
            .unwrap();
        let refused = JsonBody::<serde_json::Value>::from_request(request, &()).await;
        let refused = refused.expect_err("nothing arrives");
        let reply = refused.into_named_response("request-1");
        assert_eq!(reply.status(), 408);
        assert_eq!(reply.headers()[CONNECTION], "close");
    }
}
