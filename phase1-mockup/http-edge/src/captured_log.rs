//! The log of the code under test.

use std::io;
use std::sync::Mutex;

/// Runs `work`, and returns the few lines that it logs on this thread.
pub(crate) async fn log_of(work: impl Future<Output = ()>) -> String {
    // A pipe holds them: nothing reads it meanwhile.
    let (log, writer) = io::pipe().unwrap();
    let logger = tracing_subscriber::fmt().with_ansi(false);
    let logger = logger.with_writer(Mutex::new(writer)).finish();
    let logging = tracing::subscriber::set_default(logger);
    work.await;
    drop(logging);
    io::read_to_string(log).unwrap()
}
