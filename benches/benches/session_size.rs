//! The size of one session in bytes, by the place where it is stored.
//!
//! `cargo bench -p benches --bench session_size [-- --sessions 10000 --json]`
//!
//! A new session: in the memory of a replica, in Redis, or in the request that carries it. It
//! measures no time, so criterion is not used. Without `--bench`, few sessions are measured and
//! the figures are only checked.

mod fixture {
    pub(crate) mod accounts;
    pub(crate) mod database;
    pub(crate) mod in_redis;
    pub(crate) mod redis;
    pub(crate) mod resident_memory;
    pub(crate) mod signed;
}

use anyhow::ensure;
use api_contract::headers;
use benches::sizes::{Row, faults};
use clap::Parser;
use fixture::accounts::username;
use fixture::in_redis;
use fixture::redis::Redis;
use fixture::resident_memory::{self, Map, bytes_of_each};
use fixture::signed::Signed;
use report::machine::{Machine, profile};
use serde_json::json;
use stateless_server::tokens::{TokenRules, Tokens};
use std::process::ExitCode;
use std::time::Duration;
use upload_server::config::credentials::SigningAlgorithm;
use upload_server::sessions::SessionId;

/// The format of the JSON.
const SCHEMA: &str = "lab-session-size";

/// Enough to be visible in a process's memory, which is counted in pages.
const FEW: usize = 2_000;

#[derive(Parser)]
struct Args {
    /// Sessions in memory and in Redis
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// An argument that `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    http_edge::program::exit_code(match args.split_first() {
        Some((role, of)) if role == resident_memory::ROLE => resident_memory::hold(of),
        _ if benches::measures() => show(&Args::parse()),
        _ => {
            benches::begin(env!("CARGO_CRATE_NAME"));
            look_at_a_few(&args)
        }
    })
}

fn show(args: &Args) -> anyhow::Result<()> {
    let machine = Machine::current();
    let (redis, rows) = measure(usize::try_from(args.sessions)?)?;
    if args.json {
        let report = json!({
            "schema": SCHEMA,
            "version": 2,
            "machine": machine,
            "profile": profile(),
            "sessions": args.sessions,
            "redis": redis,
            "rows": rows.iter().map(as_json).collect::<Vec<_>>(),
        });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!("{}, {} cores, {}", machine.processor, machine.cores, profile());
    println!("Redis: {redis}");
    println!("one session, of {}:", args.sessions);
    for row in &rows {
        println!("  {:<42} {:>8}  {}", row.place, row.cell(), row.how);
    }
    Ok(())
}

fn as_json(row: &Row) -> serde_json::Value {
    json!({ "place": row.place, "how": row.how, "bytes": row.bytes })
}

/// The run of `cargo test`. Its arguments are a filter, or a request to list the tests.
fn look_at_a_few(args: &[String]) -> anyhow::Result<()> {
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    if args.iter().any(|arg| arg == "--list")
        || filter.is_some_and(|filter| !"session_size".contains(filter.as_str()))
    {
        return Ok(());
    }
    let (redis, rows) = measure(FEW)?;
    let faults = faults(&rows);
    ensure!(faults.is_empty(), "on {redis}: {}", faults.join("; "));
    println!("session_size: {} figures are there and plausible", rows.len());
    Ok(())
}

fn measure(sessions: usize) -> anyhow::Result<(String, Vec<Row>)> {
    let phase_1 = bytes_of_each(Map::Phase1, sessions)?;
    let phase_2 = bytes_of_each(Map::Phase2, sessions)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let redis = runtime.block_on(Redis::start())?;
    let in_redis = runtime.block_on(in_redis::measure(&redis, sessions))?;
    let resident = "growth of a process's resident memory";
    let mut rows = vec![
        Row::new("memory of a replica, phase 1", resident, Some(phase_1)),
        Row::new("memory of a replica, phase 2", resident, Some(phase_2)),
        Row::new("Redis, key and value", "length of the text", Some(in_redis.text)),
        Row::new("Redis, one key", "MEMORY USAGE", in_redis.usage),
        Row::new("Redis, one of many", "growth of used_memory", in_redis.grown),
    ];
    for (place, line) in runtime.block_on(carried())? {
        let bytes = f64::from(u32::try_from(line.len())?);
        rows.push(Row::new(place, "its header line in each request", Some(bytes)));
    }
    Ok((redis.service.why.clone(), rows))
}

/// The header lines that carry the credential, as HTTP/1.1 writes them.
async fn carried() -> anyhow::Result<Vec<(&'static str, String)>> {
    let id = SessionId::random().secret();
    let life = Duration::from_secs(900);
    let hs256 = Tokens::open(None, TokenRules { life })?.issue(username(0))?;
    let eddsa = Signed::with(SigningAlgorithm::Eddsa).await?;
    let rs256 = Signed::with(SigningAlgorithm::Rs256).await?;
    for signed in [&eddsa, &rs256] {
        signed.tokens.check(&signed.token).await?;
    }
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    Ok(vec![
        ("request, session id", format!("{}: {}\r\n", headers::SESSION_ID, id.expose())),
        ("request, token of phase 1, HS256", bearer(hs256.expose())),
        ("request, token of phase 2, EdDSA", bearer(&eddsa.token)),
        ("request, token of phase 2, RS256", bearer(&rs256.token)),
    ])
}
