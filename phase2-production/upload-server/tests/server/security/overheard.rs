//! What everybody has written to their logs: the replicas, the balancer (which in these
//! tests is a task, so its log is caught on its way out), Postgres and Redis.

use super::people::Town;
use crate::on::{Stores, postgres_log};
use anyhow::Context;
use api_conformance::eventually::eventually;
use api_conformance::process::PATIENCE;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// What the balancers of this process have logged since somebody began to listen.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<u8>>>);

impl io::Write for Ear {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Ear {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Begins to listen, once a process: more closely than a balancer of its own would log.
pub(crate) fn listen() {
    balancers();
}

fn balancers() -> &'static Ear {
    static EAR: OnceLock<Ear> = OnceLock::new();
    EAR.get_or_init(|| {
        let ear = Ear::default();
        let filter = tracing_subscriber::EnvFilter::new("info,load_balancer=trace");
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(ear.clone());
        log.try_init().expect("nothing else in these tests takes the log");
        ear
    })
}

/// The balancers' log so far.
fn balancers_log() -> String {
    let bytes = balancers().0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every log of a town, each under the name of who wrote it. [`listen`] comes before all
/// that is to be heard.
pub(crate) async fn logs(
    town: &Town,
    stores: Stores,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut logs = vec![("the balancer".to_owned(), balancers_log())];
    for replica in town.replicas() {
        let name = replica.server.ready().replica_id.clone();
        logs.push((name.clone(), replica.server.log()));
        logs.push((format!("{name}'s standard output"), replica.server.output()));
        logs.push((format!("{name}'s metrics"), replica.server.metrics().await?));
    }
    if let Some(redis) = &town.world.redis {
        let file = redis.log().context("a private Redis has a log")?;
        logs.push(("Redis".to_owned(), std::fs::read_to_string(file)?));
    }
    if stores == Stores::Real {
        logs.push(("Postgres".to_owned(), postgres_log().await?));
    }
    Ok(logs)
}

/// Waits until a request stands in the log of the balancer and in that of a replica: what
/// it made them write is written then.
pub(crate) async fn written_down(town: &Town, request_id: &str) -> anyhow::Result<()> {
    let what = format!("the request {request_id} in two logs");
    eventually(PATIENCE, &what, async || {
        let replicas = town.replicas();
        let replica = replicas.iter().any(|one| one.server.log().contains(request_id));
        Ok((replica && balancers_log().contains(request_id)).then_some(()))
    })
    .await
}
