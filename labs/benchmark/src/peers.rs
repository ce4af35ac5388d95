//! What others would build: servers made of well-known libraries alone, for comparison.
//!
//! They answer the same kind of question with as little as their libraries allow, and each
//! is a process of its own, like ours.

mod hello;
mod tower_sessions;

use anyhow::Context;
use axum::Router;
use clap::{Args, Subcommand};
use http_edge::ready::ReadyLine;
use std::future::IntoFuture;
use tokio::net::TcpListener;

/// A peer and whose child it is.
#[derive(Args, Clone, Debug)]
pub struct PeerArgs {
    /// Die when the process with this id does
    #[arg(long, value_name = "PID")]
    parent: i32,

    /// What to be
    #[command(subcommand)]
    peer: Peer,
}

/// What a peer can be.
#[derive(Subcommand, Clone, Debug)]
enum Peer {
    /// axum and one word: the reference
    Hello,
    /// axum with tower-sessions on the Redis that REDIS_URL names
    TowerSessions {
        /// Connections to Redis
        #[arg(long)]
        pool: usize,
    },
}

/// Serves until the parent is gone.
///
/// # Errors
/// When the peer cannot start.
pub async fn run(args: PeerArgs) -> anyhow::Result<()> {
    cluster::parent::die_with(args.parent)?;
    match args.peer {
        Peer::Hello => serve("hello", hello::app()).await,
        Peer::TowerSessions { pool } => {
            serve("tower-sessions", tower_sessions::app(pool).await?).await
        }
    }
}

async fn serve(role: &str, app: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
    ReadyLine {
        role: role.to_owned(),
        replica_id: role.to_owned(),
        address: listener.local_addr()?,
        admin: None,
    }
    .announce();
    // As the other servers do: an answer is smaller than what Nagle waits for.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _as_it_is = stream.set_nodelay(true);
    });
    axum::serve(listener, app).into_future().await.context("cannot serve")
}
