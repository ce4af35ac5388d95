//! The metrics of the balancer, beside the HTTP metrics that every server has.
//!
//! The label `backend` holds ids that an operator has chosen, never text from a client.

use http::StatusCode;
use http_edge::http_metrics::HttpMetrics;
use metrics::{Counter, Gauge, Histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use std::time::Duration;

/// The metrics of one balancer.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Requests of clients.
    pub(crate) http: HttpMetrics,
    /// Requests sent to another backend after the first was not reached.
    pub(crate) retries: Counter,
    /// Open WebSocket tunnels.
    pub(crate) tunnels: Gauge,
    /// What the balancer's own limits have refused.
    pub(crate) overload: Overload,
}

/// Counts what the balancer's own limits have refused.
#[derive(Clone, Debug)]
pub(crate) struct Overload {
    /// Clients beyond `--max-connections`.
    pub(crate) clients: Counter,
    /// Connections to backends that this process or machine could not open.
    pub(crate) backends: Counter,
}

impl Overload {
    fn new() -> Self {
        let counter =
            |of| metrics::counter!("load_balancer_overloaded_total", "connection" => of);
        Self { clients: counter("client"), backends: counter("backend") }
    }
}

impl Metrics {
    /// Handles of the recorder that is installed now.
    pub(crate) fn new() -> Self {
        describe();
        Self {
            http: HttpMetrics::default(),
            retries: metrics::counter!("load_balancer_retries_total"),
            tunnels: metrics::gauge!("load_balancer_websocket_tunnels"),
            overload: Overload::new(),
        }
    }
}

/// Why a request to a backend failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FailureReason {
    /// No TCP connection: nothing was sent.
    Connect,
    /// The connection was lost before the response began.
    ConnectionLost,
    /// The response did not begin in time.
    Timeout,
    /// The connection was lost, or stalled, in the body of the response.
    ResponseAborted,
    /// The head of the response is not HTTP, or its framing is not clear.
    InvalidResponse,
}

impl FailureReason {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Connect, "connect"),
        (Self::ConnectionLost, "connection_lost"),
        (Self::Timeout, "timeout"),
        (Self::ResponseAborted, "response_aborted"),
        (Self::InvalidResponse, "invalid_response"),
    ];
}

/// The status classes of the label `code`, in order.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The metrics of one backend, under all its addresses.
#[derive(Debug)]
pub(super) struct BackendMetrics {
    pub(super) up: Gauge,
    pub(super) in_flight: Gauge,
    pub(super) idle_connections: Gauge,
    responses: [Counter; 5],
    failures: [Counter; 5],
    response_duration: Histogram,
}

impl BackendMetrics {
    /// Handles for the backend with this id, with all counters at 0.
    pub(super) fn new(id: &str) -> Self {
        let id = || id.to_owned();
        Self {
            up: metrics::gauge!("load_balancer_backend_up", "backend" => id()),
            in_flight: metrics::gauge!(
                "load_balancer_backend_requests_in_flight",
                "backend" => id()
            ),
            idle_connections: metrics::gauge!(
                "load_balancer_backend_idle_connections",
                "backend" => id()
            ),
            responses: CLASSES.map(|class| {
                metrics::counter!(
                    "load_balancer_backend_responses_total",
                    "backend" => id(),
                    "code" => class
                )
            }),
            failures: FailureReason::ALL.map(|(_, reason)| {
                metrics::counter!(
                    "load_balancer_backend_failures_total",
                    "backend" => id(),
                    "reason" => reason
                )
            }),
            response_duration: metrics::histogram!(
                "load_balancer_backend_response_duration_seconds",
                "backend" => id()
            ),
        }
    }

    /// Counts a response and the time to its head.
    pub(super) fn count_response(&self, status: StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len());
        self.responses[class - 1].increment(1);
        self.response_duration.record(duration);
    }

    /// Counts a request without a complete response.
    pub(super) fn count_failure(&self, reason: FailureReason) {
        self.failures[reason as usize].increment(1);
    }
}

fn describe() {
    describe_counter!(
        "load_balancer_retries_total",
        "Requests sent to another backend because nothing was sent to the first"
    );
    describe_gauge!("load_balancer_websocket_tunnels", "Open WebSocket tunnels");
    describe_counter!(
        "load_balancer_overloaded_total",
        "Connections that a limit of this process or machine has refused"
    );
    describe_gauge!(
        "load_balancer_backend_up",
        "Whether the backend gets new clients: 1, or 0 (starting, draining, down, removed)"
    );
    describe_gauge!(
        "load_balancer_backend_requests_in_flight",
        "Requests and tunnels in flight on the backend"
    );
    describe_gauge!(
        "load_balancer_backend_idle_connections",
        "Idle connections to the backend, kept for the next request"
    );
    describe_counter!(
        "load_balancer_backend_responses_total",
        "Responses of the backend, by status class"
    );
    describe_counter!(
        "load_balancer_backend_failures_total",
        "Requests to the backend without a complete response, by reason"
    );
    describe_histogram!(
        "load_balancer_backend_response_duration_seconds",
        "Time from choosing the backend to the head of its response"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_reasons_are_listed_in_order_of_their_numbers() {
        for (index, (reason, _)) in FailureReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
