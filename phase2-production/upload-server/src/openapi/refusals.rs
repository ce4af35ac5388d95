//! What a call may refuse: some kinds it names itself, most follow from what it asks for.

use super::call::{Call, Designs, Proof};
use super::sent::{Body, Schemas, of as schema_of};
use api_contract::problem::ProblemKind as Kind;
use api_contract::problem::{MEDIA_TYPE, Problem, ProblemKind};
use std::collections::BTreeMap;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, Response, ResponseBuilder};

const OF_CALLERS: [Kind; 3] =
    [Kind::CredentialsInQuery, Kind::TooManyRequests, Kind::RecordsUnavailable];
const OF_SESSIONS: [Kind; 3] =
    [Kind::SessionUnknown, Kind::SessionExpired, Kind::SessionStoreUnavailable];
const OF_TOKENS: [Kind; 3] =
    [Kind::TokenExpired, Kind::TokenInvalid, Kind::SessionStoreUnavailable];
const OF_TOKENS_IN_BODIES: [Kind; 4] = [
    Kind::TokenInvalid,
    Kind::TooManyAttempts,
    Kind::TooManyRequests,
    Kind::RecordsUnavailable,
];
const OF_PASSWORDS: [Kind; 4] = [
    Kind::InvalidCredentials,
    Kind::TooManyAttempts,
    Kind::TooManyLogins,
    Kind::RecordsUnavailable,
];
const OF_JSON: [Kind; 2] = [Kind::MalformedRequest, Kind::UnsupportedMediaType];

/// All kinds, in the order of the API reference.
pub(super) fn kinds(call: &Call) -> Vec<ProblemKind> {
    let mut kinds = call.refuses.to_vec();
    kinds.push(Kind::Internal);
    if call.changes() {
        kinds.push(Kind::ForeignOrigin);
    }
    if call.designs != Designs::All {
        kinds.push(Kind::NotFound);
    }
    if matches!(call.takes, Body::Json(_)) {
        kinds.extend(OF_JSON);
    }
    kinds.extend(of_proof(call));
    ProblemKind::ALL.iter().copied().filter(|kind| kinds.contains(kind)).collect()
}

fn of_proof(call: &Call) -> Vec<ProblemKind> {
    let mut kinds = Vec::new();
    match call.proof {
        Proof::None => {}
        Proof::Signature => kinds.push(Kind::SignatureInvalid),
        Proof::Password => kinds.extend(OF_PASSWORDS),
        Proof::InBody => kinds.extend(OF_TOKENS_IN_BODIES),
        Proof::Caller | Proof::Admin => {
            kinds.extend(OF_CALLERS);
            if call.designs != Designs::Tokens {
                kinds.extend(OF_SESSIONS);
            }
            if call.designs != Designs::Sessions {
                kinds.extend(OF_TOKENS.iter().chain(&OF_PASSWORDS));
            }
        }
    }
    if call.proof == Proof::Admin {
        kinds.push(Kind::Forbidden);
    }
    kinds
}

/// One answer for each status, with an example of each kind that has it.
pub(super) fn of(call: &Call, schemas: &mut Schemas) -> BTreeMap<u16, Response> {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in kinds(call) {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    let responses = by_status.into_iter();
    responses.map(|(status, kinds)| (status, response(status, &kinds, schemas))).collect()
}

fn response(status: u16, kinds: &[ProblemKind], schemas: &mut Schemas) -> Response {
    let said = kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title()));
    let examples = kinds.iter().map(|kind| {
        let problem = kind.problem(format!("{}.", kind.title()), "class-7.demo");
        let value = serde_json::to_value(problem).ok();
        (kind.slug(), ExampleBuilder::new().summary(kind.title()).value(value).build())
    });
    let content = ContentBuilder::new()
        .schema(Some(schema_of::<Problem>(schemas)))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new()
        .description(said.collect::<Vec<_>>().join("; "))
        .content(MEDIA_TYPE, content);
    let header = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = header {
        let text =
            HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).build();
        response = response.header(name, text);
    }
    response.build()
}
