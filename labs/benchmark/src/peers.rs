//! Peers: servers built from well-known libraries alone.
//!
//! They answer the same kind of request with as little as their libraries allow, and each is a
//! process of its own, as our servers are.

mod hello;
mod tower_sessions;

use anyhow::Context;
use axum::Router;
use clap::{Args, Subcommand};
use http_edge::ready::ReadyLine;
use std::future::IntoFuture;
use tokio::net::TcpListener;

/// A peer and its parent process.
#[derive(Args, Clone, Debug)]
pub struct PeerArgs {
    /// Exit when the process with this id exits
    #[arg(long, value_name = "PID")]
    parent: i32,

    /// The peer to play
    #[command(subcommand)]
    peer: Peer,
}

/// The peers.
#[derive(Subcommand, Clone, Debug)]
enum Peer {
    /// axum that answers with one word: the reference
    Hello,
    /// axum with tower-sessions on the Redis of REDIS_URL
    TowerSessions {
        /// Connections to Redis
        #[arg(long)]
        pool: usize,
    },
}

/// Serves until the parent has exited.
///
/// # Errors
/// When the peer cannot start.
pub async fn run(args: PeerArgs) -> anyhow::Result<()> {
    process::parent::exit_with_parent(args.parent)?;
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
    // As the other servers do: a reply is smaller than a segment, and Nagle would delay it.
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _as_it_is = stream.set_nodelay(true);
    });
    axum::serve(listener, app).into_future().await.context("cannot serve")
}
