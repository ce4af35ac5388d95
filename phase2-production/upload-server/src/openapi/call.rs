//! One call as it is written down: what it asks for, what it answers, what it refuses.

use super::refusals;
use super::sent::{Asked, Body, Given, Schemas};
use api_contract::problem::ProblemKind;
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{HttpMethod, Required, SecurityRequirement};

/// One method of one path.
pub(super) struct Call {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// More than one sentence, where one is not enough.
    pub(super) more: &'static str,
    pub(super) designs: Designs,
    pub(super) proof: Proof,
    pub(super) asks: &'static [Asked],
    pub(super) takes: Body,
    pub(super) gives: &'static [Given],
    /// Besides what follows from the rest.
    pub(super) refuses: &'static [ProblemKind],
}

/// Which designs have a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Designs {
    All,
    Sessions,
    Tokens,
}

/// What a call wants to be convinced by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Nothing.
    None,
    /// Name and password, in the body.
    Password,
    /// A token, in the body.
    InBody,
    /// A signature in the URL.
    Signature,
    /// Whatever the design knows its callers by.
    Caller,
    /// The same, of an admin.
    Admin,
}

/// To be completed.
pub(super) const CALL: Call = Call {
    method: HttpMethod::Get,
    path: "",
    tag: "",
    summary: "",
    more: "",
    designs: Designs::All,
    proof: Proof::Caller,
    asks: &[],
    takes: Body::Nothing,
    gives: &[],
    refuses: &[],
};

impl Call {
    /// Whether it changes anything.
    pub(super) const fn changes(&self) -> bool {
        !matches!(self.method, HttpMethod::Get | HttpMethod::Head | HttpMethod::Options)
    }

    /// The call as OpenAPI has it.
    pub(super) fn operation(&self, schemas: &mut Schemas) -> Operation {
        let mut operation = OperationBuilder::new()
            .tag(self.tag)
            .operation_id(Some(self.id()))
            .summary(Some(self.summary))
            .description(Some(self.description()))
            .request_body(self.takes.request(schemas));
        for parameter in self.in_path().chain(self.asks.iter().map(Asked::parameter)) {
            operation = operation.parameter(parameter);
        }
        for scheme in self.schemes() {
            let nothing: [&str; 0] = [];
            operation = operation.security(SecurityRequirement::new(*scheme, nothing));
        }
        for given in self.gives {
            operation =
                operation.response(given.status.to_string(), given.response(schemas));
        }
        for (status, response) in refusals::of(self, schemas) {
            operation = operation.response(status.to_string(), response);
        }
        operation.build()
    }

    fn id(&self) -> String {
        let words = self.path.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        format!("{}_{}", method_name(&self.method), words.join("_").to_lowercase())
    }

    fn description(&self) -> String {
        let designs = match self.designs {
            Designs::All => "",
            Designs::Sessions => "Only in the designs that know sessions.",
            Designs::Tokens => "Only in the token design.",
        };
        [self.more, designs].join(" ").trim().to_owned()
    }

    fn in_path(&self) -> impl Iterator<Item = Parameter> {
        let named = self.path.split('/').filter_map(|part| part.strip_prefix('{'));
        named.filter_map(|name| name.strip_suffix('}')).map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(Object::with_type(Type::String)))
                .build()
        })
    }

    fn schemes(&self) -> &'static [&'static str] {
        match (self.proof, self.designs) {
            (Proof::Caller | Proof::Admin, Designs::All) => super::ALL_SCHEMES,
            (Proof::Caller | Proof::Admin, Designs::Sessions) => super::SESSION_SCHEMES,
            (Proof::Caller | Proof::Admin, Designs::Tokens) => super::TOKEN_SCHEMES,
            _ => &[],
        }
    }
}

/// In lower case, as the document has it.
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
