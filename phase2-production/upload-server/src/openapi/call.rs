//! One call in the OpenAPI document: parameters, bodies, responses, problems.

use super::parts::{Body, CallParameter, CallResponse};
use super::value_type::ValueType;
use api_contract::problem::ProblemKind;
use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{HttpMethod, Required};

/// One method of one path.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// More sentences, if the summary is not enough.
    pub(super) details: &'static str,
    pub(super) designs: Designs,
    pub(super) security: SecurityRequirement,
    pub(super) parameters: &'static [CallParameter],
    pub(super) request_body: Body,
    pub(super) responses: &'static [CallResponse],
    /// Problems beyond those that follow from the other fields.
    pub(super) problems: &'static [ProblemKind],
}

/// Designs that have the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Designs {
    All,
    Sessions,
    Tokens,
}

/// Authentication that a call requires.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecurityRequirement {
    /// None.
    None,
    /// User name and password in the body.
    Password,
    /// A token in the body.
    TokenInBody,
    /// A signature in the URL.
    Signature,
    /// The design's credential: session id, token or password.
    Caller,
    /// The same, of an admin.
    Admin,
}

/// Defaults, to be completed by each call.
pub(super) const CALL: Call = Call {
    method: HttpMethod::Get,
    path: "",
    tag: "",
    summary: "",
    details: "",
    designs: Designs::All,
    security: SecurityRequirement::Caller,
    parameters: &[],
    request_body: Body::Nothing,
    responses: &[],
    problems: &[],
};

impl Call {
    /// Whether the call changes state.
    pub(super) const fn changes(&self) -> bool {
        !matches!(self.method, HttpMethod::Get | HttpMethod::Head | HttpMethod::Options)
    }

    /// The operation id: method and path in lower case.
    pub(super) fn id(&self) -> String {
        let words = self.path.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        format!("{}_{}", method_name(&self.method), words.join("_").to_lowercase())
    }

    /// The call as this server has it, or [`None`] if its design has no such call.
    pub(super) fn in_design(&self, running: Designs) -> Option<Self> {
        let has_call = [Designs::All, running].contains(&self.designs);
        has_call.then(|| Self { designs: running, ..self.clone() })
    }

    /// The parameters in the path.
    pub(super) fn in_path(&self) -> impl Iterator<Item = Parameter> {
        let named = self.path.split('/').filter_map(|part| part.strip_prefix('{'));
        named.filter_map(|name| name.strip_suffix('}')).map(|name| {
            let value = ValueType::of_path_parameter(name);
            let example = (name == "username").then(|| json!("bob"));
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(value.schema(0)))
                .example(example)
                .build()
        })
    }

    /// The names of the security schemes.
    pub(super) fn schemes(&self) -> &'static [&'static str] {
        match (self.security, self.designs) {
            (
                SecurityRequirement::Caller | SecurityRequirement::Admin,
                Designs::Tokens,
            ) => super::TOKEN_SCHEMES,
            (SecurityRequirement::Caller | SecurityRequirement::Admin, _) => {
                super::SESSION_SCHEMES
            }
            _ => &[],
        }
    }
}

/// Lower case, as OpenAPI writes it.
pub(super) const fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Delete => "delete",
        HttpMethod::Options => "options",
        HttpMethod::Head => "head",
        HttpMethod::Patch => "patch",
        HttpMethod::Trace => "trace",
    }
}
