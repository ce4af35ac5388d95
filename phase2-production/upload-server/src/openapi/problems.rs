//! Problems of a call: some it lists itself, most follow from its security and its
//! bodies.

use super::call::{Call, Designs, SecurityRequirement};
use super::parts::{Body, Schemas, of as schema_of};
use super::value_type::ValueType;
use api_contract::problem::ProblemKind as Kind;
use api_contract::problem::{MEDIA_TYPE, Problem, ProblemKind};
use std::collections::BTreeMap;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Response, ResponseBuilder};

const CALLER_PROBLEMS: [Kind; 3] =
    [Kind::CredentialsInQuery, Kind::TooManyRequests, Kind::RecordsUnavailable];
const SESSION_PROBLEMS: [Kind; 3] =
    [Kind::SessionUnknown, Kind::SessionExpired, Kind::SessionStoreUnavailable];
const TOKEN_PROBLEMS: [Kind; 3] =
    [Kind::TokenExpired, Kind::TokenInvalid, Kind::SessionStoreUnavailable];
const BODY_TOKEN_PROBLEMS: [Kind; 4] = [
    Kind::TokenInvalid,
    Kind::TooManyAttempts,
    Kind::TooManyRequests,
    Kind::RecordsUnavailable,
];
const PASSWORD_PROBLEMS: [Kind; 4] = [
    Kind::InvalidCredentials,
    Kind::TooManyAttempts,
    Kind::TooManyLogins,
    Kind::RecordsUnavailable,
];

/// All problem kinds of the call, in the order of the API reference.
pub(super) fn kinds(call: &Call) -> Vec<ProblemKind> {
    let mut kinds = call.problems.to_vec();
    kinds.push(Kind::Internal);
    if call.changes() {
        kinds.push(Kind::ForeignOrigin);
    }
    if matches!(call.request_body, Body::Json(_)) {
        kinds.push(Kind::MalformedRequest);
    }
    if !matches!(call.request_body, Body::Nothing) {
        kinds.push(Kind::UnsupportedMediaType);
    }
    kinds.extend(security_problems(call));
    ProblemKind::ALL.iter().copied().filter(|kind| kinds.contains(kind)).collect()
}

fn security_problems(call: &Call) -> Vec<ProblemKind> {
    let mut kinds = Vec::new();
    match call.security {
        SecurityRequirement::None => {}
        SecurityRequirement::Signature => {
            kinds.extend([Kind::SignatureInvalid, Kind::TooManyRequests]);
        }
        SecurityRequirement::Password => kinds.extend(PASSWORD_PROBLEMS),
        SecurityRequirement::TokenInBody => kinds.extend(BODY_TOKEN_PROBLEMS),
        SecurityRequirement::Caller | SecurityRequirement::Admin => {
            kinds.extend(CALLER_PROBLEMS);
            if call.designs != Designs::Tokens {
                kinds.extend(SESSION_PROBLEMS);
            }
            if call.designs != Designs::Sessions {
                kinds.extend(TOKEN_PROBLEMS.iter().chain(&PASSWORD_PROBLEMS));
            }
        }
    }
    if call.security == SecurityRequirement::Admin {
        kinds.push(Kind::Forbidden);
    }
    kinds
}

/// One response per status, with an example for each problem kind of that status.
pub(super) fn of(call: &Call, schemas: &mut Schemas) -> BTreeMap<u16, Response> {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in kinds(call) {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    let responses = by_status.into_iter();
    responses.map(|(status, kinds)| (status, response(status, &kinds, schemas))).collect()
}

fn response(status: u16, kinds: &[ProblemKind], schemas: &mut Schemas) -> Response {
    let descriptions =
        kinds.iter().map(|kind| format!("`{}`: {}", kind.slug(), kind.title()));
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
        .description(descriptions.collect::<Vec<_>>().join("; "))
        .content(MEDIA_TYPE, content);
    let header = match status {
        401 => Some("WWW-Authenticate"),
        429 | 503 => Some("Retry-After"),
        _ => None,
    };
    if let Some(name) = header {
        let schema = ValueType::of_header(name).schema(0);
        let header = HeaderBuilder::new().schema(Some(schema)).build();
        response = response.header(name, header);
    }
    response.build()
}
