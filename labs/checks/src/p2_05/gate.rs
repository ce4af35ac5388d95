//! A door before Redis that counts who comes. Each question of the program is a connection.

use anyhow::Context;
use grader::{Exam, Stop, What};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What becomes of those who come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are led to Redis.
    Pass,
    /// They are sent away at once: a connection that breaks.
    Refuse,
    /// They are let in, and nobody speaks to them.
    Hang,
}

/// An open door. Dropped, it is closed.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    exam: &'a Exam,
    url: String,
    mode: watch::Sender<Mode>,
    came: watch::Receiver<usize>,
    task: AbortHandle,
}

impl<'a> Gate<'a> {
    pub(super) async fn open(exam: &'a Exam) -> Result<Self, Stop> {
        let redis = exam.service(What::Redis)?.url.clone();
        let address = address_in(&redis).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a gate's port")?;
        let here: SocketAddr = listener.local_addr().context("a gate's port")?;
        let (mode, now) = watch::channel(Mode::Pass);
        let (count, came) = watch::channel(0);
        let url = redis.replacen(&address, &here.to_string(), 1);
        let task = tokio::spawn(serve(listener, address, now, count)).abort_handle();
        exam.say("between the replica and Redis, connections are counted");
        Ok(Self { exam, url, mode, came, task })
    }

    /// Redis' URL, with this instead of Redis.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn set(&self, mode: Mode) {
        self.exam.say(match mode {
            Mode::Pass => "⚡ Redis answers again",
            Mode::Refuse => "⚡ every connection to Redis breaks",
            Mode::Hang => "⚡ Redis can be reached, and does not answer",
        });
        self.mode.send_replace(mode);
    }

    /// How many came so far.
    pub(super) fn came(&self) -> usize {
        *self.came.borrow()
    }

    /// Returns when so many came, if they do in time.
    pub(super) async fn until(&self, many: usize, patience: Duration) -> bool {
        let mut came = self.came.clone();
        let came = came.wait_for(|came| *came >= many);
        tokio::time::timeout(patience, came).await.is_ok_and(|seen| seen.is_ok())
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The connections end with this: their tasks are its own.
async fn serve(
    listener: TcpListener,
    redis: String,
    mode: watch::Receiver<Mode>,
    count: watch::Sender<usize>,
) {
    let mut inside = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        count.send_modify(|came| *came += 1);
        let (mode, redis) = (*mode.borrow(), Arc::<str>::from(redis.as_str()));
        if mode != Mode::Refuse {
            inside.spawn(let_in(stream, redis, mode));
        }
        while inside.try_join_next().is_some() {}
    }
}

async fn let_in(mut stream: TcpStream, redis: Arc<str>, mode: Mode) {
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
