//! Code that all exercises share: flags, the listening socket, the report that the server is
//! ready, and shutdown. You need not change or understand it.

use axum::Router;
use axum::routing::get;
use std::collections::HashMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The program's command line, such as `--listen 127.0.0.1:8080 --replica r1 --idle-ms
/// 2000`.
#[derive(Clone, Debug)]
pub struct Setup {
    flags: HashMap<String, String>,
}

impl Setup {
    /// Reads the command line. Exits the program if it is invalid.
    pub fn read() -> Self {
        let mut flags = HashMap::new();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match (arg.strip_prefix("--"), args.next()) {
                (Some(name), Some(value)) => flags.insert(name.to_owned(), value),
                _ => give_up(&format!("expected --name value, not {arg}")),
            };
        }
        Self { flags }
    }

    /// The value of a flag, or `otherwise` if it is not given.
    pub fn text(&self, name: &str, otherwise: &str) -> String {
        self.flags.get(name).map_or_else(|| otherwise.to_owned(), Clone::clone)
    }

    /// The value of a flag as a number.
    pub fn number(&self, name: &str, otherwise: u64) -> u64 {
        let Some(text) = self.flags.get(name) else {
            return otherwise;
        };
        text.parse()
            .unwrap_or_else(|_| give_up(&format!("--{name} is a number, not {text}")))
    }

    /// The value of a flag as a time in milliseconds.
    pub fn millis(&self, name: &str, otherwise: u64) -> Duration {
        Duration::from_millis(self.number(name, otherwise))
    }

    /// The name of this replica, such as `r1`.
    pub fn replica(&self) -> String {
        self.text("replica", "r1")
    }

    /// The URL of a backing service: the value of `REDIS_URL` or `DATABASE_URL`.
    pub fn service(&self, variable: &str) -> String {
        std::env::var(variable)
            .unwrap_or_else(|_| give_up(&format!("{variable} is not set")))
    }
}

/// Listens, reports the address, and serves until SIGTERM or Ctrl-C. `GET /readyz` answers
/// the load balancer's health checks.
pub async fn serve(setup: &Setup, router: Router) {
    exit_with_the_sandbox();
    let address = setup.text("listen", "127.0.0.1:8080");
    let listener = TcpListener::bind(&address)
        .await
        .unwrap_or_else(|error| give_up(&format!("cannot listen on {address}: {error}")));
    let address: SocketAddr = listener.local_addr().expect("a bound address");
    let ready = serde_json::json!({
        "role": program(),
        "replica_id": setup.replica(),
        "address": address,
    });
    report_ready(&ready.to_string());
    let router = router.route("/readyz", get(async || "ready"));
    let served =
        axum::serve(listener, router).with_graceful_shutdown(shutdown_signal()).await;
    if let Err(error) = served {
        give_up(&format!("cannot serve: {error}"));
    }
}

/// Reports that the server listens: in the file of `LAB_READY_FILE`, where the grader reads
/// it, or else as a line. The grader does not read standard output, so print what you like.
fn report_ready(ready: &str) {
    let Some(file) = std::env::var_os("LAB_READY_FILE").map(PathBuf::from) else {
        println!("ready {ready}");
        return;
    };
    let written = write_at_once(&file, ready);
    written.unwrap_or_else(|error| {
        give_up(&format!("cannot write {}: {error}", file.display()))
    });
}

/// Writes a file so that no reader finds a part of it.
fn write_at_once(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, file)
}

/// The program's name, which is the exercise's id.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

async fn shutdown_signal() {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be watched");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// In the grader's sandbox, exits when standard input closes, because the sandbox keeps
/// it open while it runs.
fn exit_with_the_sandbox() {
    if std::env::var_os("LAB_SANDBOX").is_none() {
        return;
    }
    std::thread::spawn(|| {
        let mut buffer = [0_u8; 64];
        while std::io::stdin().read(&mut buffer).is_ok_and(|read| read > 0) {}
        std::process::exit(0);
    });
}

/// Exits the program with an error message.
pub fn give_up(why: &str) -> ! {
    eprintln!("error: {why}");
    std::process::exit(2)
}
