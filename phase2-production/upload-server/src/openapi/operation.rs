//! A call as an OpenAPI operation.

use super::call::Call;
use super::parts::Schemas;
use super::problems;
use super::server::Described;
use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::security;

/// The call as an OpenAPI operation.
pub(super) fn operation(
    call: &Call,
    server: &Described,
    schemas: &mut Schemas,
) -> Operation {
    let mut operation = OperationBuilder::new()
        .tag(call.tag)
        .operation_id(Some(call.id()))
        .summary(Some(call.summary))
        .description(Some(call.details))
        .request_body(call.request_body.request(schemas));
    let parameters = call.parameters.iter().map(|one| one.parameter(server.max_upload));
    for parameter in call.in_path().chain(parameters) {
        operation = operation.parameter(parameter);
    }
    for scheme in call.schemes() {
        let nothing: [&str; 0] = [];
        operation =
            operation.security(security::SecurityRequirement::new(*scheme, nothing));
    }
    for response in call.responses {
        operation = operation.response(
            response.status.to_string(),
            response.response(server.max_upload, schemas),
        );
    }
    for (status, response) in problems::of(call, schemas) {
        operation = operation.response(status.to_string(), response);
    }
    operation.build()
}
