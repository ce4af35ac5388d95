//! Metrics of HTTP requests, the same for every server.
//!
//! Every label has a fixed set of values: a client that makes up paths and methods must
//! not be able to make up time series, each of which costs memory here and in Prometheus.

use crate::route_template;
use http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The label value of a method or a path that no route has.
const OTHER: &str = "other";

/// The status label if the client closed the connection first (in nginx' log 499, "client
/// closed request").
const CLIENT_CLOSED: &str = "client_closed_request";

/// The request metrics of one server.
#[derive(Debug)]
pub struct HttpMetrics {
    in_flight: Gauge,
    /// The handles of each combination of labels that has occurred, so that a request
    /// builds no labels.
    series: RwLock<HashMap<Labels, Series>>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Labels {
    /// An index into [`METHODS`].
    method: Option<usize>,
    /// An index into the route templates.
    route: Option<usize>,
    /// `None`: the client closed the connection first.
    status: Option<u16>,
}

#[derive(Clone, Debug)]
struct Series {
    requests: Counter,
    duration: Histogram,
}

const METHODS: [(Method, &str); 7] = [
    (Method::GET, "GET"),
    (Method::POST, "POST"),
    (Method::HEAD, "HEAD"),
    (Method::PUT, "PUT"),
    (Method::PATCH, "PATCH"),
    (Method::DELETE, "DELETE"),
    (Method::OPTIONS, "OPTIONS"),
];

impl Default for HttpMetrics {
    fn default() -> Self {
        let in_flight = metrics::gauge!("http_requests_in_flight");
        Self { in_flight, series: RwLock::default() }
    }
}

impl HttpMetrics {
    /// Counts a request as in flight until the timer is dropped.
    #[must_use]
    pub fn begin(&self, method: &Method, path: &str) -> RequestTimer<'_> {
        self.in_flight.increment(1.0);
        let method = METHODS.iter().position(|(known, _)| known == method);
        let labels = Labels { method, route: route_template::of(path), status: None };
        RequestTimer { metrics: self, started: Instant::now(), labels }
    }

    fn record(&self, labels: Labels, duration: Duration) {
        let series = self.series.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = series.get(&labels) {
            known.record(duration);
            return;
        }
        drop(series);
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        series.entry(labels).or_insert_with(|| Series::new(labels)).record(duration);
    }
}

impl Series {
    fn new(labels: Labels) -> Self {
        let method = labels.method.map_or(OTHER, |index| METHODS[index].1);
        let route = labels.route.map_or(OTHER, |index| route_template::ALL[index]);
        let status =
            labels.status.map_or(CLIENT_CLOSED.to_owned(), |code| code.to_string());
        Self {
            requests: metrics::counter!(
                "http_requests_total",
                "method" => method,
                "route" => route,
                "status" => status
            ),
            duration: metrics::histogram!(
                "http_request_duration_seconds",
                "method" => method,
                "route" => route
            ),
        }
    }

    fn record(&self, duration: Duration) {
        self.requests.increment(1);
        self.duration.record(duration);
    }
}

/// A request that is being served. It is recorded when the timer is dropped; without a
/// status, the client has closed the connection first.
#[derive(Debug)]
pub struct RequestTimer<'a> {
    metrics: &'a HttpMetrics,
    started: Instant,
    labels: Labels,
}

impl RequestTimer<'_> {
    /// Sets the status of the response.
    pub fn set_status(&mut self, status: StatusCode) {
        self.labels.status = Some(status.as_u16());
    }

    /// The status of the response, once it has one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.labels.status
    }

    /// Time since the head of the request.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for RequestTimer<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.decrement(1.0);
        self.metrics.record(self.labels, self.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    /// The lines of `/metrics` after `work`.
    fn recorded(work: impl FnOnce(&HttpMetrics)) -> Vec<String> {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || work(&HttpMetrics::default()));
        recorder.handle().render().lines().map(str::to_owned).collect()
    }

    fn has(lines: &[String], line: &str) {
        assert!(lines.iter().any(|found| found == line), "no {line} in {lines:#?}");
    }

    #[test]
    fn request_is_counted_by_method_route_and_status() {
        let lines = recorded(|metrics| {
            for id in ["1", "2"] {
                let mut timer = metrics.begin(&Method::GET, &format!("/api/files/{id}"));
                timer.set_status(StatusCode::OK);
            }
            drop(metrics.begin(&Method::POST, "/api/upload"));
            let open = metrics.begin(&Method::GET, "/livez");
            std::mem::forget(open);
        });
        for line in [
            r#"http_requests_total{method="GET",route="/api/files/{file_id}",status="200"} 2"#,
            r#"http_requests_total{method="POST",route="/api/upload",status="client_closed_request"} 1"#,
            "http_requests_in_flight 1",
        ] {
            has(&lines, line);
        }
    }

    #[test]
    fn made_up_paths_and_methods_add_no_series() {
        let lines = recorded(|metrics| {
            for number in 0..1_000 {
                let method = format!("VERB{number}").parse().unwrap();
                let path = format!("/{number}/api/files");
                let mut timer = metrics.begin(&method, &path);
                timer.set_status(StatusCode::NOT_FOUND);
            }
        });
        let requests =
            lines.iter().filter(|line| line.starts_with("http_requests_total{"));
        assert_eq!(requests.count(), 1);
        has(
            &lines,
            r#"http_requests_total{method="other",route="other",status="404"} 1000"#,
        );
    }
}
