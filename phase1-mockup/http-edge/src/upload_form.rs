//! Walking through a multipart form to the one part that matters.

use crate::refusal::Refusal;
use api_contract::problem::ProblemKind;
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body_util::LengthLimitError;
use multer::{Field, Multipart};
use std::error::Error;
use std::iter;

/// Parts a form may have. The parser bounds each part's headers but not the number of
/// parts: a million tiny ones would cost a second of CPU.
pub const MAX_PARTS: usize = 20;

/// The name of the part that holds the file.
pub const FILE_PART: &str = "file";

/// A multipart form, read part by part and never held in memory.
#[derive(Debug)]
pub struct UploadForm {
    multipart: Multipart<'static>,
    parts: usize,
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
        let body = request.into_body().into_data_stream();
        Ok(Self {
            multipart: Multipart::new(body, boundary),
            parts: 0,
        })
    }
}

impl UploadForm {
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

/// What a failure to read the form means to the caller.
#[must_use]
pub fn broken(error: &(dyn Error + 'static)) -> Refusal {
    let mut causes = iter::successors(Some(error), |error| (*error).source());
    if causes.any(|cause| cause.is::<LengthLimitError>()) {
        return Refusal::new(ProblemKind::UploadTooLarge);
    }
    Refusal::new(ProblemKind::MalformedRequest)
        .detail("The form is broken or ended before its last boundary.")
}
