//! The cost that a load balancer adds to a request.
//!
//! `cargo bench -p benches --bench balancer`
//!
//! A bare server that answers "ok" is asked directly and through the balancer, on one
//! connection, one request after the other. Client, balancer and servers share this process,
//! its cores and the loopback interface. The selection is private to the balancer; its cost is
//! the difference between one server and 16.

mod fixture {
    pub(crate) mod servers;
    pub(crate) mod worker;
}

use anyhow::ensure;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use fixture::servers::{Line, Servers};
use fixture::worker;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() -> ExitCode {
    benches::begin(env!("CARGO_CRATE_NAME"));
    let runtime = Runtime::new().expect("a runtime can be started");
    http_edge::program::exit_code(measure(&runtime))
}

fn measure(runtime: &Runtime) -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("balancer");
    let direct = runtime.block_on(Servers::one_server())?;
    request(&mut group, runtime, "direct", &direct)?;
    for servers in [1, 3, 16] {
        let farm = runtime.block_on(Servers::behind("round-robin", servers))?;
        request(&mut group, runtime, &format!("round-robin-of-{servers}"), &farm)?;
    }
    for servers in [3, 16] {
        let farm = runtime.block_on(Servers::behind("sticky", servers))?;
        request(&mut group, runtime, &format!("sticky-of-{servers}"), &farm)?;
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn request(
    group: &mut Group<'_>,
    runtime: &Runtime,
    name: &str,
    farm: &Servers,
) -> anyhow::Result<()> {
    let line = runtime.block_on(Line::to(farm.address))?;
    let sticky = name.starts_with("sticky");
    ensure!(line.belongs_somewhere() == sticky, "{name}: the wrong policy");
    let line = Arc::new(Mutex::new(line));
    group.bench_function(name, |bencher| {
        let line = Arc::clone(&line);
        worker::time(bencher, runtime, move |_| {
            let line = Arc::clone(&line);
            async move { line.lock().await.ask().await.expect("an answer") }
        });
    });
    Ok(())
}
