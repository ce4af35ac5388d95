//! Calls about the server itself.

use crate::openapi::call::{CALL, Call, Proof};
use crate::openapi::sent::{Body, Given, json, of};
use api_contract::problem::ProblemKind as Kind;
use api_contract::{Message, Ready, paths};

const EVENTS: Call = Call { tag: "events", ..CALL };

const OPEN: Call = Call { tag: "service", proof: Proof::None, ..CALL };

const fn answers(status: u16, what: &'static str, body: Body) -> Given {
    Given { status, what, body, headers: &[] }
}

pub(super) const CALLS: &[Call] = &[
    Call {
        path: paths::EVENTS,
        summary: "Hear of one's new files on a WebSocket",
        more: "Text messages are JSON of the schema Event; ping is answered with pong. Closes \
               with 1008 within two seconds after the proof has died, 1009 after a message \
               of more than 64 KiB, 1012 when the replica stops, 1013 while the proof \
               cannot be looked at.",
        gives: &[Given {
            status: 101,
            what: "It is a WebSocket now.",
            body: Body::Nothing,
            headers: &["Upgrade", "Sec-WebSocket-Accept"],
        }],
        refuses: &[Kind::MalformedRequest, Kind::ForeignOrigin],
        ..EVENTS
    },
    Call {
        path: paths::LIVEZ,
        summary: "Whether the process is up",
        gives: &[json(200, "It is.", of::<Message>)],
        ..OPEN
    },
    Call {
        path: paths::READYZ,
        summary: "Whether to send it work",
        gives: &[json(200, "Yes; what is not well is named.", of::<Ready>)],
        refuses: &[Kind::NotReady, Kind::Draining],
        ..OPEN
    },
    Call {
        path: paths::OPENAPI,
        summary: "This document",
        gives: &[answers(200, "OpenAPI 3.1.", Body::OtherJson)],
        ..OPEN
    },
    Call {
        path: paths::DOCS,
        summary: "This document, to be tried",
        gives: &[answers(303, "Swagger UI is one step further.", Body::Nothing)],
        ..OPEN
    },
    Call {
        path: paths::REDOC,
        summary: "This document, to be read",
        gives: &[answers(200, "A page without scripts.", Body::Bytes("text/html"))],
        ..OPEN
    },
];
