//! An HTTP/1.1 load balancer, small enough to be read.
//!
//! Reading order: `backends` (the list), `health` (checks), `selection` (policies),
//! `forward` and `exchange` (the way of a request). Guarantees:
//!
//! - A backend gets requests only after a check has passed.
//! - No request is sent twice. After a refused connection, another backend gets the
//!   request, with any method, because nothing was sent. Once a byte may have been sent,
//!   the response is 502 or 504 and the caller decides whether to repeat.
//! - Bodies are streamed in both directions in constant memory.
//! - A draining backend finishes its requests; so does a draining balancer.
//! - With `--tls`, clients must use HTTPS.
//! - The framing of a message is made here, never copied from the other side.
//! - Its own lack of descriptors or ports is no finding about a backend.
//!
//! Left to the balancer in `deployment/`: HTTP/2, weights, and informational responses other
//! than `100 Continue`.

pub mod admin;
mod backends;
mod balancer;
pub mod config;
mod connections;
mod dns;
mod driver;
mod exchange;
mod forward;
mod framing;
mod headers;
mod health;
mod host;
mod inherited;
mod metrics;
mod pool;
mod raw_refusal;
mod refusals;
mod request_body;
mod request_log;
mod response_body;
mod selection;
pub mod status;
mod tls;
mod tunnel;
mod upgrade;

pub use balancer::Balancer;

use admin::Admin;
use anyhow::Context;
use config::BalancerArgs;
use http_edge::accept::Plain;
use http_edge::head_limits::HeadLimits;
use http_edge::health::Readiness;
use http_edge::ready::ReadyLine;
use http_edge::serve::{Drain, serve_with};
use http_edge::{listen, log, process_limits, recorder, stop};
use status::{BackendState, BackendStatus};
use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The role in the ready line.
pub const ROLE: &str = "load-balancer";

/// Forwards the requests that arrive at `listener` until `shutdown` completes, then drains.
/// The admin listener accepts commands until the drain has ended.
pub async fn run(
    listener: TcpListener,
    admin: Option<Admin>,
    balancer: Balancer,
    shutdown: impl Future<Output = ()>,
) {
    let drain = Drain::of(balancer.edge(), Readiness::default());
    let drain_time = drain.grace + drain.deadline;
    let deadline = OnceLock::new();
    let stopping = async {
        shutdown.await;
        deadline.get_or_init(|| Instant::now() + drain_time);
        balancer.tunnels().close();
    };
    let finished = CancellationToken::new();
    let traffic = async {
        let handle = balancer.clone();
        let service = tower::service_fn(move |request| {
            let response = forward::forward(handle.clone(), request);
            async { Ok::<_, Infallible>(response.await) }
        });
        let connections = balancer.connections();
        match balancer.tls() {
            Some(tls) => {
                let accept = connections.limit(tls.acceptor());
                serve_with(listener, accept, HeadLimits::PROXY, service, drain, stopping)
                    .await;
            }
            None => {
                let accept = connections.limit(Plain);
                serve_with(listener, accept, HeadLimits::PROXY, service, drain, stopping)
                    .await;
            }
        }
        balancer.tunnels().finish(*deadline.get_or_init(Instant::now)).await;
        finished.cancel();
    };
    let commands = async {
        if let Some(admin) = admin {
            admin::serve_admin(admin, balancer.clone(), finished.cancelled()).await;
        }
    };
    tokio::join!(traffic, commands);
}

/// Binds both listeners, prints the ready line, and runs until SIGTERM.
///
/// # Errors
/// When a flag, the token file or an address cannot be used.
pub async fn start(args: BalancerArgs) -> anyhow::Result<()> {
    http_edge::descriptors::raise_descriptor_limit();
    log::init(args.edge.log);
    process_limits::survive_file_size_limit();
    let admin = admin_of(&args).await?;
    let balancer = Balancer::new(&args)?;
    let may_be_remote = args.edge.insecure_remote || balancer.tls().is_some();
    let listener = match args.listen_fd {
        Some(fd) => inherited::listener(fd.into(), may_be_remote)?,
        None => listen::bind(args.edge.listen, may_be_remote).await?,
    };
    if args.listen_fd.is_some() {
        wait_for_first_checks(&balancer, args.checks().timeout).await;
    }
    if let Some(file) = balancer.certificate_file() {
        tls::announce(file);
    }
    let ready = ReadyLine {
        role: ROLE.to_owned(),
        replica_id: args.edge.replica_id,
        address: listener.local_addr()?,
        admin: admin.as_ref().map(|admin| admin.listener.local_addr()).transpose()?,
    };
    ready.announce();
    run(listener, admin, balancer, stop::shutdown_signal()).await;
    Ok(())
}

/// Waits until every backend is ready, at most for one check. The clients of an inherited
/// listener wait already, and without a checked backend they would get 503.
async fn wait_for_first_checks(balancer: &Balancer, limit: Duration) {
    let deadline = Instant::now() + limit;
    let pending = |one: &BackendStatus| one.state == BackendState::Starting;
    while Instant::now() < deadline && balancer.status().backends.iter().any(pending) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn admin_of(args: &BalancerArgs) -> anyhow::Result<Option<Admin>> {
    let Some(address) = args.edge.admin_listen else {
        return Ok(None);
    };
    let file = args.admin_token_file.as_deref();
    let file = file.context(
        "--admin-listen accepts commands, so it needs a token: give --admin-token-file",
    )?;
    let token = admin::read_token(file)?;
    recorder::install();
    Ok(Some(Admin { listener: listen::bind_admin(address).await?, token }))
}
