//! Parts of a call: parameters, bodies, successful responses.

use super::value_type::ValueType;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{
    AdditionalProperties, Object, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::{
    Content, KnownFormat, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};

/// Schemas that the document defines, by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A type of the contract: adds its schema, and those it refers to, to the document.
pub(super) type TypeOf = fn(&mut Schemas) -> RefOr<Schema>;

/// The [`TypeOf`] of `T`.
pub(super) fn of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}

/// A query or header parameter.
pub(super) struct CallParameter {
    pub(super) name: &'static str,
    pub(super) location: ParameterIn,
    pub(super) required: bool,
    pub(super) description: &'static str,
    pub(super) value: ValueType,
    /// A value with which the call works, for "Try it out"; empty for none.
    pub(super) example: &'static str,
}

/// A request or response body.
#[derive(Clone, Copy)]
pub(super) enum Body {
    Nothing,
    Json(TypeOf),
    /// JSON of a schema that another standard defines.
    OtherJson,
    /// One file in a multipart form.
    Form,
    Bytes(&'static str),
}

/// A successful response.
pub(super) struct CallResponse {
    pub(super) status: u16,
    pub(super) description: &'static str,
    pub(super) body: Body,
    pub(super) headers: &'static [&'static str],
}

/// A JSON response without headers.
pub(super) const fn json(
    status: u16,
    description: &'static str,
    body: TypeOf,
) -> CallResponse {
    CallResponse { status, description, body: Body::Json(body), headers: &[] }
}

impl CallParameter {
    pub(super) fn parameter(&self, max_upload: u64) -> Parameter {
        let example = self.value.example(self.example);
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(self.location.clone())
            .required(if self.required { Required::True } else { Required::False })
            .description(Some(self.description))
            .schema(Some(self.value.schema(max_upload)))
            .example(example)
            .build()
    }
}

impl Body {
    fn content(&self, schemas: &mut Schemas) -> Option<(&'static str, Content)> {
        let (media, schema) = match self {
            Self::Nothing => return None,
            Self::Json(of) => ("application/json", of(schemas)),
            Self::OtherJson => {
                ("application/json", Object::with_type(Type::Object).into())
            }
            Self::Form => ("multipart/form-data", form().into()),
            Self::Bytes(media) => (*media, bytes().into()),
        };
        Some((media, Content::new(Some(schema))))
    }

    pub(super) fn request(&self, schemas: &mut Schemas) -> Option<RequestBody> {
        let (media, content) = self.content(schemas)?;
        let body = RequestBodyBuilder::new().content(media, content);
        Some(body.required(Some(Required::True)).build())
    }
}

fn bytes() -> Object {
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).build()
}

fn form() -> Object {
    ObjectBuilder::new()
        .property("file", bytes())
        .required("file")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
}

impl CallResponse {
    pub(super) fn response(&self, max_upload: u64, schemas: &mut Schemas) -> Response {
        let mut response = ResponseBuilder::new().description(self.description);
        if let Some((media, content)) = self.body.content(schemas) {
            response = response.content(media, content);
        }
        for name in self.headers {
            let schema = ValueType::of_header(name).schema(max_upload);
            let header = HeaderBuilder::new().schema(Some(schema));
            response = response.header(*name, header.build());
        }
        response.build()
    }
}
