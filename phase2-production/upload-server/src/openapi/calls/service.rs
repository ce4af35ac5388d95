//! Calls for the server itself.

use crate::openapi::call::{CALL, Call, SecurityRequirement};
use crate::openapi::parts::{Body, CallResponse, json, of};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, Ready, paths};

const EVENTS: Call = Call { tag: "events", ..CALL };

const OPEN: Call = Call { tag: "service", security: SecurityRequirement::None, ..CALL };

const fn answers(status: u16, description: &'static str, body: Body) -> CallResponse {
    CallResponse { status, description, body, headers: &[] }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        path: paths::EVENTS,
        summary: "Receive events about new files on a WebSocket",
        details: "Text messages are JSON of the schema Event; ping is answered with pong. Closes \
               with 1008 within two seconds after the credential is revoked, 1009 after a \
               message of more than 64 KiB, 1012 when the replica shuts down, 1013 while the \
               credential cannot be checked.",
        responses: &[CallResponse {
            status: 101,
            description: "Switched to the WebSocket protocol.",
            body: Body::Nothing,
            headers: &["Upgrade", "Sec-WebSocket-Accept"],
        }],
        problems: &[Kind::MalformedRequest, Kind::ForeignOrigin],
        ..EVENTS
    },
    Call {
        path: paths::LIVEZ,
        summary: "Check whether the process is up",
        responses: &[json(200, "The process is up.", of::<Message>)],
        ..OPEN
    },
    Call {
        path: paths::READYZ,
        summary: "Check whether the replica can take requests",
        responses: &[json(200, "Ready; impaired stores are named.", of::<Ready>)],
        problems: &[Kind::NotReady, Kind::Draining],
        ..OPEN
    },
    Call {
        path: paths::OPENAPI,
        summary: "Get this document",
        responses: &[answers(200, "OpenAPI 3.1.", Body::OtherJson)],
        ..OPEN
    },
    Call {
        path: paths::DOCS,
        summary: "Try this document in Swagger UI",
        responses: &[answers(303, "Redirects to Swagger UI.", Body::Nothing)],
        ..OPEN
    },
    Call {
        path: paths::REDOC,
        summary: "Read this document as a page",
        responses: &[answers(200, "A page without scripts.", Body::Bytes("text/html"))],
        ..OPEN
    },
];
