//! A user's HTTP client. It sends through goose, so that goose's report is complete, and
//! records each request's intended start.

use crate::sample::{Call, Ended, Sample};
use crate::stage::Stage;
use api_contract::headers::SERVED_BY;
use bytes::Bytes;
use goose::prelude::{GooseMethod, GooseRequest, GooseUser};
use http::header::RETRY_AFTER;
use reqwest::{Client, RequestBuilder, Response};
use std::time::Duration;

/// Limit for one answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A user's client.
pub(crate) struct Browser<'a> {
    pub(crate) stage: &'a Stage,
    goose: &'a mut GooseUser,
    number: usize,
    /// False before the start of the load: preparation is not recorded.
    pub(crate) writes_down: bool,
}

/// The result of a request.
pub(crate) struct Answer {
    pub(crate) ended: Ended,
    /// Empty unless the request succeeded.
    pub(crate) body: Bytes,
    /// The server's Retry-After, if any.
    pub(crate) retry_after: Option<Duration>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(stage: &'a Stage, goose: &'a mut GooseUser, number: usize) -> Self {
        Self { stage, goose, number, writes_down: false }
    }

    /// Gives the user a client without cookies. It makes no retries, follows no redirects,
    /// and stores cookies only if the design needs them.
    pub(crate) async fn start_anew(&mut self) -> Result<(), Ended> {
        let client = Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .cookie_store(self.stage.settings.design.needs_cookie());
        self.goose.set_client_builder(client).await.map_err(|_| Ended::NotSent)
    }

    /// Builds a request; [`None`] if the path makes no URL.
    pub(crate) fn request(
        &self,
        method: &GooseMethod,
        path: &str,
    ) -> Option<RequestBuilder> {
        self.goose.get_request_builder(method, path).ok()
    }

    /// Sends a request, reads the whole answer, lets `look` validate the body, and records
    /// the result.
    pub(crate) async fn send(
        &mut self,
        call: Call,
        meant_us: u64,
        request: Option<RequestBuilder>,
        look: impl FnOnce(&Bytes) -> Ended + Send,
    ) -> Answer {
        let sent_us = self.stage.now_us();
        let (served_by, mut answer) = match request {
            Some(request) => self.exchange(call, request).await,
            None => (None, no_answer(Ended::NotSent)),
        };
        let ended_us = self.stage.now_us();
        if answer.ended == Ended::Fine {
            answer.ended = look(&answer.body);
        }
        if self.writes_down {
            let (user, ended) = (self.number, answer.ended);
            self.stage.note(Sample {
                user,
                call,
                meant_us,
                sent_us,
                ended_us,
                ended,
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
            Err(_) => return (None, no_answer(Ended::NotSent)),
        };
        match response {
            Ok(response) => {
                let served_by = header(&response, SERVED_BY).map(str::to_owned);
                (served_by, read(call, response).await)
            }
            Err(error) => (None, no_answer(Ended::without_answer(&error))),
        }
    }
}

fn no_answer(ended: Ended) -> Answer {
    Answer { ended, body: Bytes::new(), retry_after: None }
}

async fn read(call: Call, response: Response) -> Answer {
    let status = response.status();
    let retry_after = header(&response, RETRY_AFTER.as_str())
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    match response.bytes().await {
        Err(error) => no_answer(Ended::without_answer(&error)),
        Ok(body) if status.is_success() => {
            Answer { ended: Ended::Fine, body, retry_after }
        }
        Ok(_) => {
            let ended = Ended::refused(status, retry_after.is_some(), call);
            Answer { ended, body: Bytes::new(), retry_after }
        }
    }
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
