//! The balancer's flags. They are read once, at the start, and never from the environment.

use http_edge::args::{EdgeArgs, at_least_one, replica_id};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The command line of a balancer.
#[derive(clap::Args, Clone, Debug)]
#[command(mut_arg("replica_id", |name| name.default_value("lb")))]
// No other balancer waits for this one to leave: it stops accepting at once, and clients wait
// in the backlog of an inherited listener.
#[command(mut_arg("drain_grace_ms", |grace| grace.default_value("0")))]
pub struct BalancerArgs {
    /// Addresses, name, log format and drain times.
    #[command(flatten)]
    pub edge: EdgeArgs,

    /// Accept connections at this descriptor, a listening TCP socket of the parent process,
    /// instead of opening --listen
    #[arg(long, value_name = "FD", conflicts_with = "listen")]
    pub listen_fd: Option<u16>,

    /// Serve at most this many clients at the same time; further ones get 503
    /// [default: half of the descriptor limit (ulimit -n) without 32, at most 50000]
    #[arg(long, value_name = "N", value_parser = at_least_one::<u32>())]
    pub max_connections: Option<u32>,

    /// How to select the backend of a request
    #[arg(long, value_enum, default_value_t = Policy::RoundRobin)]
    pub policy: Policy,

    /// A replica to send requests to, such as r1=127.0.0.1:4001; may be repeated. A host name
    /// instead of an address, as in r1=replica-1:8080, is resolved every second
    #[arg(long = "backend", value_name = "ID=ADDR", value_parser = backend)]
    pub backends: Vec<BackendArg>,

    /// File with the token that the admin listener requires
    #[arg(long, value_name = "PATH", requires = "admin_listen")]
    pub admin_token_file: Option<PathBuf>,

    /// TLS between clients and this balancer.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// Milliseconds between two checks of GET /readyz on one backend
    #[arg(long, value_name = "MS", default_value_t = 250, value_parser = at_least_one::<u64>())]
    pub check_interval_ms: u64,

    /// Milliseconds that one check may take
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = at_least_one::<u64>())]
    pub check_timeout_ms: u64,

    /// Failed checks in a row after which a backend gets no more requests
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = at_least_one::<u64>())]
    pub check_fall: u64,

    /// Passed checks in a row after which it gets requests again
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one::<u64>())]
    pub check_rise: u64,

    /// Milliseconds for a TCP connection to a backend
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = at_least_one::<u64>())]
    pub connect_timeout_ms: u64,

    /// Milliseconds from the last byte of a request to the head of its response
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = at_least_one::<u64>())]
    pub head_timeout_ms: u64,

    /// Milliseconds that a body may make no progress, in either direction, before it is
    /// aborted
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = at_least_one::<u64>())]
    pub idle_timeout_ms: u64,
}

impl BalancerArgs {
    /// The settings of the health checks.
    #[must_use]
    pub const fn checks(&self) -> Checks {
        Checks {
            interval: Duration::from_millis(self.check_interval_ms),
            timeout: Duration::from_millis(self.check_timeout_ms),
            fall: self.check_fall,
            rise: self.check_rise,
        }
    }

    /// The timeouts of a request to a backend.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        Limits {
            connect: Duration::from_millis(self.connect_timeout_ms),
            head: Duration::from_millis(self.head_timeout_ms),
            idle: Duration::from_millis(self.idle_timeout_ms),
            down: Duration::from_millis(self.check_timeout_ms),
        }
    }
}

/// TLS between clients and the balancer.
#[derive(clap::Args, Clone, Debug)]
pub struct TlsArgs {
    /// Use HTTPS: with a certificate for localhost that is generated at the start
    /// (self-signed), or with the PEM file of a certificate chain [default: plain HTTP]
    #[arg(long = "tls", value_name = "self-signed|CERT")]
    pub certificate: Option<Certificate>,

    /// PEM file with the private key of the certificate
    #[arg(long = "tls-key", value_name = "KEY", requires = "certificate")]
    pub key: Option<PathBuf>,

    /// Where to write the self-signed certificate, for `curl --cacert`
    /// [default: a new file in the folder for temporary files]
    #[arg(long = "tls-certificate-out", value_name = "PATH", requires = "certificate")]
    pub certificate_out: Option<PathBuf>,

    /// Milliseconds that a client may take for the TLS handshake
    #[arg(
        long = "tls-handshake-timeout-ms",
        value_name = "MS",
        default_value_t = 10_000
    )]
    #[arg(value_parser = at_least_one::<u64>())]
    pub handshake_timeout_ms: u64,
}

/// The source of the certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Certificate {
    /// Generated at the start, with a key that never leaves the process.
    SelfSigned,
    /// A chain in a PEM file, this server's certificate first.
    File(PathBuf),
}

impl From<&str> for Certificate {
    fn from(text: &str) -> Self {
        match text {
            "self-signed" => Self::SelfSigned,
            path => Self::File(path.into()),
        }
    }
}

/// The settings of the health checks.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// From the end of one check to the start of the next.
    pub interval: Duration,
    /// How long one check may take; longer is a failure.
    pub timeout: Duration,
    /// Failures in a row that eject.
    pub fall: u64,
    /// Passes in a row that admit.
    pub rise: u64,
}

impl Default for Checks {
    /// The defaults of the flags.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
            fall: 2,
            rise: 1,
        }
    }
}

impl Checks {
    /// How long a backend has to accept requests after its `/readyz` says "not ready", so that
    /// a balancer with these checks has taken it out before its port closes: `fall` checks,
    /// each after an interval and with an answer only at the timeout. This balancer needs one
    /// check only; HAProxy counts "not ready" as a failure like any other.
    #[must_use]
    pub fn drain_grace(&self) -> Duration {
        let one_check = self.interval.saturating_add(self.timeout);
        one_check.saturating_mul(u32::try_from(self.fall).unwrap_or(u32::MAX))
    }
}

/// The timeouts of a request to a backend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To accept a TCP connection.
    pub connect: Duration,
    /// To begin its response, counted from the last byte that was sent to it.
    pub head: Duration,
    /// Without progress of a body.
    pub idle: Duration,
    /// Without progress while the backend is down.
    pub down: Duration,
}

/// How the backend of a request is selected.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Each ready backend in turn.
    RoundRobin,
    /// The backend that the client's cookie names; round robin for clients without it.
    Sticky,
}

/// One `--backend`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BackendArg {
    /// Stable name, such as `r1`.
    pub id: String,
    /// Its address.
    pub address: BackendAddress,
}

/// The address of a backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BackendAddress {
    /// A fixed address, until a command changes it.
    Ip(SocketAddr),
    /// `HOST:PORT`, resolved periodically.
    Host(String),
}

fn backend(text: &str) -> Result<BackendArg, String> {
    let (id, address) = text.split_once('=').ok_or("write ID=ADDR, as in r1=[::1]:80")?;
    Ok(BackendArg { id: replica_id(id)?, address: parse_address(address)? })
}

fn parse_address(text: &str) -> Result<BackendAddress, String> {
    if let Ok(address) = text.parse() {
        return Ok(BackendAddress::Ip(address));
    }
    let host_and_port = text.rsplit_once(':').filter(|(host, port)| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_name = !host.is_empty() && host.bytes().all(plain);
        is_name && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    match host_and_port {
        Some(_) => Ok(BackendAddress::Host(text.to_owned())),
        None => Err(format!("{text} is neither IP:PORT nor HOST:PORT")),
    }
}
