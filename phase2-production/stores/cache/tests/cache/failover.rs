//! Two Redis servers for one test: a primary, and a copy that lags behind it. The caches reach
//! them through a proxy, which leads to the primary until the failover.

use crate::support::{Redis, generous_limits, open};
use backing_services::{Backing, RedisOptions, redis_with};
use cache::Cache;
use fault_proxy::FaultProxy;
use process::until;
use redis::aio::MultiplexedConnection;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How the clients come to the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// The proxy keeps their connections and changes the server behind them.
    Kept,
    /// Their connections break, and new ones lead to the copy.
    Cut,
}

/// The seconds that a clock is ahead of the machine's; negative: behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockShift {
    pub(crate) primary: i64,
    pub(crate) copy: i64,
}

/// A primary, its copy, and the proxy.
pub(crate) struct Failover {
    primary: Redis,
    copy: Redis,
    proxy: FaultProxy,
    _shim: TempDir,
}

impl Failover {
    pub(crate) async fn start(shift: ClockShift) -> Self {
        let shim = TempDir::new().expect("a folder can be made");
        let library = clock_shim(shim.path());
        let primary = without_password(shifted(&library, shift.primary).await).await;
        let copy = without_password(shifted(&library, shift.copy).await).await;
        let port = address(&primary).port().to_string();
        copy.command::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
        let proxy = FaultProxy::start(address(&primary), 1).await.expect("a port");
        Self { primary, copy, proxy, _shim: shim }
    }

    /// A replica's cache behind the proxy. `query` is the end of its URL.
    pub(crate) async fn cache(&self, query: &str) -> Cache {
        let url = format!("redis://{}/{query}", self.proxy.address());
        open(&url, generous_limits()).await.expect("Redis is there")
    }

    /// From now on the copy receives no change. It has everything until now.
    pub(crate) async fn detach(&self) {
        until("the copy is complete", Duration::from_secs(20), async || {
            self.primary.command::<i64>(&["WAIT", "1", "200"]).await == 1
        })
        .await;
        self.copy.command::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    }

    /// The copy becomes the primary.
    pub(crate) fn fail_over(&self, how: Move) {
        self.proxy.switch_to(address(&self.copy));
        if how == Move::Cut {
            self.proxy.reset_connections();
        }
    }

    /// The former primary becomes the primary again, and no connection breaks.
    pub(crate) fn fail_back(&self) {
        self.proxy.switch_to(address(&self.primary));
    }

    /// A connection to the copy.
    pub(crate) async fn copy_connection(&self) -> MultiplexedConnection {
        self.copy.direct_connection().await
    }
}

/// The proxy cannot repeat a client's AUTH on the copy, so no client sends one.
async fn without_password(mut redis: Redis) -> Redis {
    redis.command::<()>(&["ACL", "SETUSER", "default", "nopass"]).await;
    let (_, address) = redis.service.url.rsplit_once('@').expect("a password");
    redis.service.url = format!("redis://{address}");
    redis
}

fn address(redis: &Redis) -> SocketAddr {
    redis.service.url.trim_start_matches("redis://").parse().expect("an address")
}

async fn shifted(library: &OsString, seconds: i64) -> Redis {
    if seconds == 0 {
        return Redis::start(Backing::Local).await;
    }
    let environment = vec![library.clone(), format!("CLOCK_SHIFT_S={seconds}").into()];
    let options = RedisOptions { environment, ..RedisOptions::default() };
    Redis::with(async |folder| redis_with(&options, &folder).await).await
}

/// Builds the library that shifts the clock of one process.
fn clock_shim(folder: &Path) -> OsString {
    let library = folder.join("clock_shift.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cache/clock_shift.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source);
    assert!(compiler.status().expect("a C compiler").success());
    let mut variable = OsString::from("LD_PRELOAD=");
    variable.push(library);
    variable
}
