//! The log: one line an event on standard error, as text or JSON.

use tracing_subscriber::EnvFilter;

/// The format of log lines.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging at `info`, or at the level in `RUST_LOG`. Later calls do nothing, so
/// that several servers can run in one test process.
pub fn init(format: LogFormat) {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A closed or full standard error must not end the server with a panic.
        .log_internal_errors(false)
        .with_ansi(false)
        .with_target(false);
    let _already_started = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
