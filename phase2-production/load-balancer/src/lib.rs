//! An HTTP/1.1 load balancer, small enough to be read.
//!
//! Who exists (`backends`), who is well (`health`), who is picked (`selection`), what
//! happens to a request (`forward`, then `exchange`). What it promises:
//!
//! - A backend gets requests only after a check has passed.
//! - Nothing is ever sent twice. A refused connection is tried elsewhere, for every
//!   method, because nothing was sent; once a byte may have been, the answer is 502 or
//!   504 and the decision to repeat is the caller's.
//! - Bodies stream both ways in constant memory.
//! - A backend that drains finishes what it has; so does the balancer.
//! - With `--tls`, clients speak HTTPS or not at all.
//!
//! Left to the balancer in `deployment/`: HTTP/2, weights, limits on connections,
//! and informational replies other than `100 Continue`.

pub mod admin;
mod backends;
mod balancer;
pub mod config;
mod driver;
mod exchange;
mod forward;
mod headers;
mod health;
mod names;
mod pool;
mod refuse;
mod reply;
mod selection;
pub mod status;
mod tls;
mod upgrade;
mod upload;

pub use balancer::Balancer;

use admin::Admin;
use anyhow::Context;
use config::BalancerArgs;
use http_edge::health::Readiness;
use http_edge::ready::ReadyLine;
use http_edge::serve::{Drain, serve, serve_behind};
use http_edge::{listen, log, stop};
use std::convert::Infallible;
use std::sync::OnceLock;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The role in the ready line.
pub const ROLE: &str = "load-balancer";

/// Forwards what comes to `listener` until `shutdown` ends, then finishes what is under
/// way. Orders are taken until the end of that.
pub async fn run(
    listener: TcpListener,
    admin: Option<Admin>,
    balancer: Balancer,
    shutdown: impl Future<Output = ()>,
) {
    let drain = Drain::of(balancer.edge(), Readiness::default());
    let patience = drain.grace + drain.deadline;
    let deadline = OnceLock::new();
    let told_to_stop = async {
        shutdown.await;
        deadline.get_or_init(|| Instant::now() + patience);
    };
    let finished = CancellationToken::new();
    let traffic = async {
        let handle = balancer.clone();
        let service = tower::service_fn(move |request| {
            let answer = forward::forward(handle.clone(), request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        match balancer.tls() {
            Some(tls) => {
                serve_behind(listener, tls.door(), service, drain, told_to_stop).await;
            }
            None => serve(listener, service, drain, told_to_stop).await,
        }
        balancer.tunnels().finish(*deadline.get_or_init(Instant::now)).await;
        finished.cancel();
    };
    let orders = async {
        if let Some(admin) = admin {
            admin::take_orders(admin, balancer.clone(), finished.cancelled()).await;
        }
    };
    tokio::join!(traffic, orders);
}

/// Binds both listeners, says where they are, and runs until SIGTERM.
///
/// # Errors
/// When a flag, the token file or an address does not work out.
pub async fn start(args: BalancerArgs) -> anyhow::Result<()> {
    log::init(args.edge.log);
    let admin = admin_of(&args).await?;
    let balancer = Balancer::new(&args)?;
    let unencrypted_is_fine = args.edge.insecure_remote || balancer.tls().is_some();
    let listener = listen::bind(args.edge.listen, unencrypted_is_fine).await?;
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
    run(listener, admin, balancer, stop::signalled()).await;
    Ok(())
}

async fn admin_of(args: &BalancerArgs) -> anyhow::Result<Option<Admin>> {
    let Some(address) = args.edge.admin_listen else {
        return Ok(None);
    };
    let file = args.admin_token_file.as_deref();
    let file = file.context(
        "--admin-listen takes orders, so it needs a token: give --admin-token-file",
    )?;
    let token = admin::read_token(file)?;
    Ok(Some(Admin { listener: listen::bind_admin(address).await?, token }))
}
