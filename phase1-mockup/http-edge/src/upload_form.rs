//! Walking through a multipart form to the one part that matters.

use crate::patient_body::PatientBody;
use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use http_body_util::{LengthLimitError, Limited};
use multer::{Field, Multipart};
use std::error::Error;
use std::iter;

/// Parts a form may have. The parser bounds each part's headers but not the number of
/// parts: a million tiny ones would cost a second of CPU.
pub const MAX_PARTS: usize = 20;

/// The name of the part that holds the file.
pub const FILE_PART: &str = "file";

/// What a form may add around its file, in bytes.
const OVERHEAD: u64 = 64 * 1024;

/// A multipart form that nothing has been read of yet.
#[derive(Debug)]
pub struct UploadForm {
    boundary: String,
    /// `Content-Length`, where the client says it.
    announced: Option<u64>,
    body: PatientBody,
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
        let (parts, body) = request.into_parts();
        Ok(Self { boundary, announced, body: PatientBody::new(body, &parts.headers) })
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
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let body = Body::new(Limited::new(self.body, limit)).into_data_stream();
        Ok(FormParts { multipart: Multipart::new(body, self.boundary), parts: 0 })
    }
}

/// The parts of a form, one after the other, never held in memory.
#[derive(Debug)]
pub struct FormParts {
    multipart: Multipart<'static>,
    parts: usize,
}

impl FormParts {
    /// The file part.
    ///
    /// # Errors
    /// When there is none, or the form is broken.
    pub async fn file(&mut self) -> Result<Field<'static>, Refusal> {
        self.next_file().await?.ok_or_else(|| {
            Refusal::new(ProblemKind::MissingFilePart)
                .detail("Send the file in a form part named file.")
        })
    }

    /// Reads the rest of the form. A second file would be lost without a word, so it is
    /// refused; so is a form without an end.
    ///
    /// # Errors
    /// When something is wrong with what follows the file.
    pub async fn finish(mut self) -> Result<(), Refusal> {
        match self.next_file().await? {
            None => Ok(()),
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
    if causes.any(|cause| cause.is::<LengthLimitError>()) {
        return Refusal::new(ProblemKind::UploadTooLarge)
            .detail("The form is much larger than the largest file.");
    }
    Refusal::new(ProblemKind::MalformedRequest)
        .detail("The form is broken or ended before its last boundary.")
}
