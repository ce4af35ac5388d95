//! What goes to and fro in a call: parameters, bodies, good answers.

use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{
    Content, KnownFormat, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};

/// The schemas that the document has to define, by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A type of the contract: puts its schema, and those it is made of, beside the others.
pub(super) type TypeOf = fn(&mut Schemas) -> RefOr<Schema>;

/// The [`TypeOf`] of `T`.
pub(super) fn of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
    Ref::from_schema_name(T::name()).into()
}

/// A parameter that is not part of the path.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) place: ParameterIn,
    pub(super) required: bool,
    pub(super) what: &'static str,
}

/// What is sent.
pub(super) enum Body {
    Nothing,
    Json(TypeOf),
    /// JSON of a shape that another standard gives.
    OtherJson,
    /// One file in a form.
    Form,
    Bytes(&'static str),
}

/// A good answer.
pub(super) struct Given {
    pub(super) status: u16,
    pub(super) what: &'static str,
    pub(super) body: Body,
    pub(super) headers: &'static [&'static str],
}

/// An answer with a body of a type, and nothing more to say.
pub(super) const fn json(status: u16, what: &'static str, body: TypeOf) -> Given {
    Given { status, what, body: Body::Json(body), headers: &[] }
}

impl Asked {
    pub(super) fn parameter(&self) -> Parameter {
        ParameterBuilder::new()
            .name(self.name)
            .parameter_in(self.place.clone())
            .required(if self.required { Required::True } else { Required::False })
            .description(Some(self.what))
            .schema(Some(Object::with_type(Type::String)))
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
    ObjectBuilder::new().property("file", bytes()).required("file").build()
}

impl Given {
    pub(super) fn response(&self, schemas: &mut Schemas) -> Response {
        let mut response = ResponseBuilder::new().description(self.what);
        if let Some((media, content)) = self.body.content(schemas) {
            response = response.content(media, content);
        }
        for name in self.headers {
            let header =
                HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
            response = response.header(*name, header.build());
        }
        response.build()
    }
}
