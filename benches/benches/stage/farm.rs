//! Bare servers, a balancer before them, and a client's connection to either: all in this
//! process.

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Parser;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use http_edge::health::Readiness;
use http_edge::serve::{Drain, serve};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use load_balancer::config::BalancerArgs;
use load_balancer::status::BackendState;
use load_balancer::{Balancer, run};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What the servers say to everything.
const ANSWER: &[u8] = b"ok";

/// How long it may take until the balancer has found all servers well.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: BalancerArgs,
}

/// A server, or a balancer before some. Ends when it is dropped.
pub(crate) struct Farm {
    pub(crate) address: SocketAddr,
    stops: Vec<DropGuard>,
}

impl Farm {
    /// A server that does next to nothing.
    pub(crate) async fn one_server() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let answer = tower::service_fn(|_request: Request<Incoming>| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(ANSWER))))
        });
        let at_once = Drain {
            readiness: Readiness::default(),
            grace: Duration::ZERO,
            deadline: Duration::ZERO,
        };
        let told = stop.clone().cancelled_owned();
        tokio::spawn(serve(listener, answer, at_once, told));
        Ok(Self { address, stops: vec![stop.drop_guard()] })
    }

    /// A balancer that picks by `policy`, before so many of them.
    pub(crate) async fn behind(policy: &str, servers: usize) -> anyhow::Result<Self> {
        let flags = ["lb", "--policy", policy, "--drain-deadline-ms", "0"];
        let balancer = Balancer::new(&CommandLine::parse_from(flags).args)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let told = stop.clone().cancelled_owned();
        tokio::spawn(run(listener, None, balancer.clone(), told));
        let mut stops = vec![stop.drop_guard()];
        for number in 1..=servers {
            let server = Self::one_server().await?;
            balancer.put_backend(&format!("r{number}"), server.address);
            stops.extend(server.stops);
        }
        until_up(&balancer, servers).await?;
        Ok(Self { address, stops })
    }
}

async fn until_up(balancer: &Balancer, servers: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let known = balancer.status().backends;
        let up = known.iter().filter(|one| one.state == BackendState::Up).count();
        if up == servers {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{up} of {servers} servers are up");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A client's connection, and where it belongs.
pub(crate) struct Line {
    sender: SendRequest<Empty<Bytes>>,
    host: HeaderValue,
    cookie: Option<HeaderValue>,
}

impl Line {
    /// Opens it, and keeps the cookie that the first reply brings.
    pub(crate) async fn to(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let host = HeaderValue::from_str(&address.to_string())?;
        let mut line = Self { sender, host, cookie: None };
        let first = line.send().await?;
        let given = first.headers().get(SET_COOKIE).cloned();
        line.cookie = given.map(|cookie| pair(&cookie)).transpose()?;
        line.read(first).await?;
        Ok(line)
    }

    /// Whether a balancer has said where it belongs.
    pub(crate) const fn belongs_somewhere(&self) -> bool {
        self.cookie.is_some()
    }

    /// One request, and all of its answer.
    pub(crate) async fn ask(&mut self) -> anyhow::Result<()> {
        let reply = self.send().await?;
        let again = reply.headers().contains_key(SET_COOKIE);
        ensure!(!again, "the balancer has sent this client elsewhere");
        self.read(reply).await
    }

    async fn send(&mut self) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::new(Empty::new());
        request.headers_mut().insert(HOST, self.host.clone());
        if let Some(cookie) = &self.cookie {
            request.headers_mut().insert(COOKIE, cookie.clone());
        }
        self.sender.ready().await?;
        Ok(self.sender.send_request(request).await?)
    }

    async fn read(&self, reply: Response<Incoming>) -> anyhow::Result<()> {
        let status = reply.status();
        let body = reply.into_body().collect().await?.to_bytes();
        ensure!(status.is_success() && body == ANSWER, "{status}: {body:?}");
        Ok(())
    }
}

/// The name and the value of a cookie, without what is said about it.
fn pair(cookie: &HeaderValue) -> anyhow::Result<HeaderValue> {
    let text = cookie.to_str()?.split(';').next().context("a cookie has a value")?;
    Ok(HeaderValue::from_str(text)?)
}
