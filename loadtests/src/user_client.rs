//! A user's HTTP client. It sends through goose, so that goose's report is complete, and
//! records each request's intended start.

use crate::run_state::RunState;
use crate::sample::{Call, RequestResult, Sample};
use api_contract::headers::SERVED_BY;
use bytes::Bytes;
use client::Options;
use goose::prelude::{GooseMethod, GooseRequest, GooseUser};
use http::header::RETRY_AFTER;
use reqwest::{RequestBuilder, Response};
use std::time::Duration;

/// A user's client.
pub(crate) struct UserClient<'a> {
    pub(crate) run_state: &'a RunState,
    goose: &'a mut GooseUser,
    number: usize,
    /// False before the start of the load: preparation is not recorded.
    pub(crate) is_recording: bool,
}

/// The result of a request.
pub(crate) struct Answer {
    pub(crate) result: RequestResult,
    /// Empty unless the request succeeded.
    pub(crate) body: Bytes,
    /// The server's Retry-After, if any.
    pub(crate) retry_after: Option<Duration>,
}

impl<'a> UserClient<'a> {
    pub(crate) fn new(
        run_state: &'a RunState,
        goose: &'a mut GooseUser,
        number: usize,
    ) -> Self {
        Self { run_state, goose, number, is_recording: false }
    }

    /// Gives the user a client without cookies. It makes no retries, follows no redirects,
    /// and stores cookies only if the design needs them.
    pub(crate) async fn reset_client(&mut self) -> Result<(), RequestResult> {
        let client = Options::default()
            .builder()
            .cookie_store(self.run_state.settings.design.needs_cookie());
        self.goose.set_client_builder(client).await.map_err(|_| RequestResult::NotSent)
    }

    /// Builds a request; [`None`] if the path makes no URL.
    pub(crate) fn request(
        &self,
        method: &GooseMethod,
        path: &str,
    ) -> Option<RequestBuilder> {
        self.goose.get_request_builder(method, path).ok()
    }

    /// Sends a request, reads the whole answer, lets `validate` validate the body, and records
    /// the result.
    pub(crate) async fn send(
        &mut self,
        call: Call,
        intended_us: u64,
        request: Option<RequestBuilder>,
        validate: impl FnOnce(&Bytes) -> RequestResult + Send,
    ) -> Answer {
        let sent_us = self.run_state.now_us();
        let (served_by, mut answer) = match request {
            Some(request) => self.exchange(call, request).await,
            None => (None, no_answer(RequestResult::NotSent)),
        };
        let completed_us = self.run_state.now_us();
        if answer.result == RequestResult::Success {
            answer.result = validate(&answer.body);
        }
        if self.is_recording {
            let (user, result) = (self.number, answer.result);
            self.run_state.record(Sample {
                user,
                call,
                intended_us,
                sent_us,
                completed_us,
                result,
                served_by,
            });
        }
        answer
    }

    async fn exchange(
        &mut self,
        call: Call,
        request: RequestBuilder,
    ) -> (Option<String>, Answer) {
        let builder = GooseRequest::builder().name(call.as_str());
        let request = builder.set_request_builder(request).build();
        let response = match self.goose.request(request).await {
            Ok(goose) => goose.response,
            Err(_) => return (None, no_answer(RequestResult::NotSent)),
        };
        match response {
            Ok(response) => {
                let served_by = header(&response, SERVED_BY).map(str::to_owned);
                (served_by, read_answer(call, response).await)
            }
            Err(error) => (None, no_answer(RequestResult::of_transport_error(&error))),
        }
    }
}

fn no_answer(result: RequestResult) -> Answer {
    Answer { result, body: Bytes::new(), retry_after: None }
}

async fn read_answer(call: Call, response: Response) -> Answer {
    let status = response.status();
    let retry_after = header(&response, RETRY_AFTER.as_str())
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    match response.bytes().await {
        Err(error) => no_answer(RequestResult::of_transport_error(&error)),
        Ok(body) if status.is_success() => {
            Answer { result: RequestResult::Success, body, retry_after }
        }
        Ok(_) => {
            let result = RequestResult::of_refusal(status, retry_after.is_some(), call);
            Answer { result, body: Bytes::new(), retry_after }
        }
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
