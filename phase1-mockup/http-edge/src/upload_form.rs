//! Walking through a multipart form to the one part that matters.

use crate::allowance::{Allowance, AllowedBody, PIECE, TooLong};
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use multer::{Field, Multipart};
use std::error::Error;
use std::iter;

/// Parts a form may have. The parser bounds each part's headers but not the number of
/// parts: a million tiny ones would cost a second of CPU.
pub const MAX_PARTS: usize = 20;

/// The name of the part that holds the file.
pub const FILE_PART: &str = "file";

/// What may come around the file, in bytes. More than one piece, because that may be the end
/// of the headers and much of the file.
const OVERHEAD: u64 = 2 * PIECE as u64;

/// A multipart form that nothing has been read of yet.
#[derive(Debug)]
pub struct UploadForm {
    boundary: String,
    /// `Content-Length`, where the client says it.
    announced: Option<u64>,
    body: Body,
}

impl<S: Send + Sync> FromRequest<S> for UploadForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Refusal> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let boundary = content_type
            .and_then(|value| value.to_str().ok())
            .and_then(|text| multer::parse_boundary(text).ok())
            .ok_or_else(|| {
                Refusal::new(ProblemKind::UnsupportedMediaType).detail(
                    "Send multipart/form-data with a boundary and a part named file.",
                )
            })?;
        let announced = request.body().size_hint().exact();
        Ok(Self { boundary, announced, body: request.into_body() })
    }
}

impl UploadForm {
    /// Begins to read, up to what a file of `largest` bytes needs. A client that says
    /// beforehand that it will send more is refused before it does (RFC 9110 §10.1.1).
    ///
    /// # Errors
    /// When the client announces more.
    pub fn open(self, largest: u64) -> Result<FormParts, Refusal> {
        let limit = largest.saturating_add(OVERHEAD);
        if self.announced.is_some_and(|announced| announced > limit) {
            return Err(too_large(largest));
        }
        let allowance = Allowance::default();
        allowance.allow_more(OVERHEAD);
        let body = AllowedBody::new(self.body, allowance.clone());
        let read = Body::new(body.clone()).into_data_stream();
        let multipart = Multipart::new(read, self.boundary);
        Ok(FormParts { multipart, body, parts: 0, allowance, largest })
    }
}

/// The parts of a form, one after the other; no content is ever held in memory.
#[derive(Debug)]
pub struct FormParts {
    multipart: Multipart<'static>,
    /// What the parser reads, and stops reading at the last boundary.
    body: AllowedBody,
    parts: usize,
    allowance: Allowance,
    /// Bytes that the file may have.
    largest: u64,
}

impl FormParts {
    /// The file part.
    ///
    /// # Errors
    /// When there is none, or the form is broken.
    pub async fn file(&mut self) -> Result<Field<'static>, Refusal> {
        let file = self.next_file().await?.ok_or_else(|| {
            Refusal::new(ProblemKind::MissingFilePart)
                .detail("Send the file in a form part named file.")
        })?;
        self.allowance.allow_more(self.largest.saturating_add(OVERHEAD));
        Ok(file)
    }

    /// Reads the rest of the form. A second file would be lost without a word, so it is
    /// refused; so is a form without an end, and a body that is shorter than announced:
    /// its sender is gone (RFC 9112 §8).
    ///
    /// # Errors
    /// When something is wrong with what follows the file.
    pub async fn finish(mut self) -> Result<(), Refusal> {
        self.allowance.allow_more(OVERHEAD);
        match self.next_file().await? {
            None => self.body.drain().await.map_err(|error| broken(&error)),
            Some(_) => Err(Refusal::new(ProblemKind::MalformedRequest)
                .detail("Send one file a request: the form has two parts named file.")),
        }
    }

    async fn next_file(&mut self) -> Result<Option<Field<'static>>, Refusal> {
        loop {
            let field = self.multipart.next_field().await;
            let Some(field) = field.map_err(|error| broken(&error))? else {
                return Ok(None);
            };
            self.parts += 1;
            if self.parts > MAX_PARTS {
                return Err(Refusal::new(ProblemKind::TooManyParts)
                    .detail(format!("A form may have {MAX_PARTS} parts.")));
            }
            if field.name() == Some(FILE_PART) {
                return Ok(Some(field));
            }
        }
    }
}

/// The refusal of a file with more than `largest` bytes.
#[must_use]
pub fn too_large(largest: u64) -> Refusal {
    Refusal::new(ProblemKind::UploadTooLarge)
        .detail(format!("A file may have {largest} bytes."))
}

/// What a failure to read the form means to the caller.
#[must_use]
pub fn broken(error: &(dyn Error + 'static)) -> Refusal {
    let mut causes = iter::successors(Some(error), |error| (*error).source());
    if causes.any(|cause| cause.is::<TooLong>()) {
        return Refusal::new(ProblemKind::UploadTooLarge)
            .detail("The form has too much around its file.");
    }
    Refusal::new(ProblemKind::MalformedRequest)
        .detail("The form is broken or ended before its last boundary.")
}

#[cfg(test)]
mod tests;
