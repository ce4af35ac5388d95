//! A TCP proxy in front of Redis that counts connections. The program opens one
//! connection per request to Redis.

use anyhow::Context;
use grader::{CheckContext, CheckError, ServiceType};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How the proxy treats connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Forwards them to Redis.
    Pass,
    /// Closes them immediately.
    Refuse,
    /// Accepts them and never answers.
    Hang,
}

/// A running proxy. It stops on drop.
#[derive(Debug)]
pub(super) struct RedisProxy<'a> {
    ctx: &'a CheckContext,
    url: String,
    mode: watch::Sender<Mode>,
    connections: watch::Receiver<usize>,
    task: AbortHandle,
}

impl<'a> RedisProxy<'a> {
    pub(super) async fn open(ctx: &'a CheckContext) -> Result<Self, CheckError> {
        let redis = ctx.service(ServiceType::Redis)?.url.clone();
        let address = address_in(&redis).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("cannot bind the proxy's port")?;
        let here: SocketAddr =
            listener.local_addr().context("cannot bind the proxy's port")?;
        let (mode, now) = watch::channel(Mode::Pass);
        let (count, connections) = watch::channel(0);
        let url = redis.replacen(&address, &here.to_string(), 1);
        let task = tokio::spawn(serve(listener, address, now, count)).abort_handle();
        ctx.note("a proxy between the replica and Redis counts connections");
        Ok(Self { ctx, url, mode, connections, task })
    }

    /// The URL of Redis with the proxy's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        self.ctx.note(match mode {
            Mode::Pass => "⚡ Redis answers again",
            Mode::Refuse => "⚡ every connection to Redis fails",
            Mode::Hang => "⚡ Redis accepts connections and does not answer",
        });
        self.mode.send_replace(mode);
    }

    /// Number of connections so far.
    pub(super) fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    /// Waits until `count` connections have arrived. Returns whether that happened in
    /// time.
    pub(super) async fn wait_for(&self, count: usize, timeout: Duration) -> bool {
        let mut connections = self.connections.clone();
        let connections = connections.wait_for(|connections| *connections >= count);
        tokio::time::timeout(timeout, connections).await.is_ok_and(|seen| seen.is_ok())
    }
}

impl Drop for RedisProxy<'_> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts connections. Their tasks end with this one.
async fn serve(
    listener: TcpListener,
    redis: String,
    mode: watch::Receiver<Mode>,
    count: watch::Sender<usize>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        count.send_modify(|connections| *connections += 1);
        let (mode, redis) = (*mode.borrow(), Arc::<str>::from(redis.as_str()));
        if mode != Mode::Refuse {
            tasks.spawn(serve_connection(stream, redis, mode));
        }
        while tasks.try_join_next().is_some() {}
    }
}

async fn serve_connection(mut stream: TcpStream, redis: Arc<str>, mode: Mode) {
    if mode == Mode::Hang {
        return until_closed(&stream).await;
    }
    if let Ok(mut there) = TcpStream::connect(&*redis).await {
        let _either_went = tokio::io::copy_bidirectional(&mut stream, &mut there).await;
    }
}

async fn until_closed(stream: &TcpStream) {
    let mut read = [0; 1024];
    while stream.readable().await.is_ok() {
        if matches!(stream.try_read(&mut read), Ok(0)) {
            return;
        }
    }
}

/// Host and port of `redis://:PASSWORD@HOST:PORT/0`.
fn address_in(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_between_the_password_and_the_database() {
        assert_eq!(address_in("redis://:pass@127.0.0.1:6379/0"), "127.0.0.1:6379");
        assert_eq!(address_in("redis://localhost:6379"), "localhost:6379");
    }
}
